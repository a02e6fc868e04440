"""
SOURCE: https://github.com/jsyoon0823/Time-series-prediction/issues/3 ("better add doc: the model only take regression
target value in [0, 1]")

SEEN: people feed any float as regression target into the recurrent model (GRU/LSTM/attention); it obviously does not
work, the error stays as large as the targets.

CAUSE: the output layer of the regression model is a sigmoid, the targets are raw values far above 1.
FIX: min-max scale the targets to [0, 1] before training.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers
from sklearn.preprocessing import MinMaxScaler

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

# hourly load of a small town in MW
t = np.arange(1500)
load = 42 + 9 * np.sin(2 * np.pi * t / 24) + 5 * np.sin(2 * np.pi * t / 168) + rng.normal(0, 0.8, len(t))
temperature = 12 + 6 * np.sin(2 * np.pi * (t - 6) / 24) + rng.normal(0, 0.5, len(t))
data = np.stack([load, temperature], axis=1)

scaled = MinMaxScaler().fit_transform(data)
seq_len = 12
x = np.stack([scaled[i:i + seq_len] for i in range(len(t) - seq_len)]).astype("float32")
target = load[seq_len:].reshape(-1, 1)

if GOOD:
    y_scaler = MinMaxScaler()
    y = y_scaler.fit_transform(target)
else:
    y = target
cut = 1200
x_train, y_train, x_test, y_test = x[:cut], y[:cut], x[cut:], y[cut:]

model = keras.Sequential([
    keras.Input((seq_len, 2)),
    layers.GRU(24, return_sequences=True),
    layers.GRU(24),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(loss="mse", optimizer=keras.optimizers.Adam(5e-3))
model.fit(x_train, y_train, epochs=12, batch_size=64, validation_data=(x_test, y_test), verbose=2)


def mae(a, truth):
    p = model.predict(a, verbose=0)
    if GOOD:
        p = y_scaler.inverse_transform(p)
    return float(np.abs(p - truth).mean())


print("mean absolute error in MW, load has mean %.1f and standard deviation %.1f" % (load.mean(), load.std()))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", mae(x_train, target[:cut]), mae(x_test, target[cut:])))
