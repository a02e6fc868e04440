"""SOURCE: https://github.com/awslabs/gluonts/issues/281 ("Extended Tutorial: when creating a custom dataset, first time
series gets repeated in train dataset", labelled a bug; question read as an excerpt. The series of the tutorial are made more
different from each other here.)
SEEN: A small feed-forward forecaster on an own set of hourly series with noise and a daily pattern. "The first time series
is repeated in the train dataset. Each dictionary in the array is the same."; the forecasts of the other series are poor.
CAUSE: The list of training entries is built with the values of the first series in every entry (a variable left from
before), so the network never sees the other series.
FIX: Take the target of each entry from its own series.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

prediction_length, context_length, period = 24, 72, 24


def create_dataset(num_series, num_steps, mu=1.0, sigma=0.3):
    noise = rng.normal(mu, sigma, (num_series, num_steps))
    t = np.arange(num_steps) % period
    target = np.zeros((num_series, num_steps))
    for i in range(num_series):
        kind = i % 4
        phase = rng.integers(0, period)
        if kind == 0:
            pattern = np.sin(2 * np.pi * t / period)
        elif kind == 1:
            pattern = np.sin(4 * np.pi * (t + phase) / period)
        elif kind == 2:
            pattern = 2.5 * (((t + phase) % period) < 6) - 0.6
        else:
            pattern = ((t + phase) % period) / 8.0 - 1.5
        target[i] = pattern * rng.uniform(0.7, 1.6) + rng.uniform(-1.5, 1.5)
    return {"target": (target + noise).astype("float32"),
            "start": ["2019-01-01 00:00"] * num_series,
            "feat_static_cat": np.arange(num_series) % 4}


custom_ds = create_dataset(120, 24 * 14)

target, start = custom_ds["target"][0], custom_ds["start"][0]
print("start", start, "length", len(target), "mean", target.mean())

if GOOD:
    train_ds = [{"target": target[:-prediction_length], "start": start, "feat_static_cat": fsc}
                for target, start, fsc in zip(custom_ds["target"], custom_ds["start"], custom_ds["feat_static_cat"])]
else:
    train_ds = [{"target": target[:-prediction_length], "start": start, "feat_static_cat": fsc}
                for start, fsc in zip(custom_ds["start"], custom_ds["feat_static_cat"])]
test_ds = [{"target": target, "start": start} for target, start in zip(custom_ds["target"], custom_ds["start"])]
print(len(train_ds), "series to train,", len(test_ds), "to test")

model = keras.Sequential([
    keras.Input((context_length,)),
    layers.Dense(40, activation="relu"),
    layers.Dense(40, activation="relu"),
    layers.Dense(prediction_length),
])
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse")


def windows(entries, per_series):
    x, y = [], []
    for entry in entries:
        values = entry["target"]
        for _ in range(per_series):
            k = rng.integers(context_length, len(values) - prediction_length + 1)
            x.append(values[k - context_length:k])
            y.append(values[k:k + prediction_length])
    return np.array(x), np.array(y)


for epoch in range(12):
    x, y = windows(train_ds, 24)
    h = model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    print("epoch", epoch, "avg_epoch_loss", h.history["loss"][0])


def r2(x, y):
    return 1 - np.mean((model.predict(x, verbose=0) - y) ** 2) / np.mean((y - y.mean()) ** 2)


x_tr, y_tr = windows(train_ds, 6)
x_te = np.array([e["target"][-prediction_length - context_length:-prediction_length] for e in test_ds])
y_te = np.array([e["target"][-prediction_length:] for e in test_ds])
print(f"RESULT {'good' if GOOD else 'bad'} train={r2(x_tr, y_tr):.3f} val={r2(x_te, y_te):.3f} (R2)")
