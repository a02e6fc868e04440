"""
Source: https://github.com/circleAhn/TESLA-tf/issues/1 ("Train Nan")
Seen: a network that corrects cheap air sensors from windows of their readings, on a data set that
the person had put together; every loss of the training is nan.
CAUSE: the data contain missing values (NaN).
FIX: remove the rows with missing values before the windows are made.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

# hourly readings: NO2, O3, PM2.5, temperature, humidity of the cheap box; NO2 of the station
hours = 5200
t = np.arange(hours)
temp = 12 + 8 * np.sin(2 * np.pi * t / 24 - 2) + 6 * np.sin(2 * np.pi * t / 2000) + rng.normal(0, 1, hours)
hum = np.clip(65 - 1.5 * (temp - 12) + rng.normal(0, 5, hours), 10, 100)
true = 25 + 12 * np.sin(2 * np.pi * t / 12 + 1) + np.convolve(rng.normal(0, 6, hours + 9), np.ones(10) / 3, "valid")
no2 = 0.4 * true + 0.5 * temp + 0.1 * hum + rng.normal(0, 1.0, hours)
o3 = 60 - 0.6 * true + 0.8 * temp + rng.normal(0, 3, hours)
pm = 10 + 0.3 * true + 0.05 * hum + rng.normal(0, 2, hours)
table = np.stack([no2, o3, pm, temp, hum, true], 1)
for gap in rng.integers(0, hours - 10, 14):
    table[gap:gap + rng.integers(1, 8), rng.integers(0, 5)] = np.nan

if GOOD:
    table = table[~np.isnan(table).any(axis=1)]

n_train = int(len(table) * 0.75)
mean, std = np.nanmean(table[:n_train], 0), np.nanstd(table[:n_train], 0)
table = ((table - mean) / std).astype("float32")

WINDOW = 12


def windows(part):
    x = np.stack([part[i:i + WINDOW, :5] for i in range(len(part) - WINDOW + 1)])
    y = part[WINDOW - 1:, 5:]
    return x, y


x_train, y_train = windows(table[:n_train])
x_test, y_test = windows(table[n_train:])
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(5000, seed=2).batch(64)
test_ds = tf.data.Dataset.from_tensor_slices((x_test, y_test)).batch(256)


def build():
    inp = keras.Input((WINDOW, 5))
    z = layers.Dense(32)(inp)
    a = layers.MultiHeadAttention(2, 16)(z, z)
    z = layers.LayerNormalization()(z + a)
    f = layers.Dense(32)(layers.Dense(64, activation="relu")(z))
    z = layers.LayerNormalization()(z + f)
    z = layers.Flatten()(z)
    return keras.Model(inp, layers.Dense(1)(z))


model = build()
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse", metrics=["mae"])
model.fit(train_ds, validation_data=test_ds, epochs=8, verbose=2)


def r2(x, y):
    p = model.predict(x, batch_size=512, verbose=0)
    return 1 - np.mean((y - p) ** 2) / np.var(y)


print(f"RESULT {sys.argv[1]} train={r2(x_train, y_train):.3f} val={r2(x_test, y_test):.3f} (R2)")
