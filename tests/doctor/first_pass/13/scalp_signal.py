"""
SOURCE: https://github.com/keras-team/keras/issues/12851 ("BatchNormalization: validation loss >> train loss, same data";
    the asker's own solution in #12400, 2019-06-23), excerpts seen: question, and the comment with the solution.
SEEN: EEG classification, batches of 32 recordings fed with train_on_batch: the training loss is very low and the accuracy
    high, but test_on_batch on the same data is poor, the net predicts nearly always one class.
CAUSE: One of the recordings was by mistake left non-standardised (sigma about 52 instead of 1). In its batch it blows up
    the variance of every BatchNormalization; the moving averages take that in and do not fit the other batches at all.
FIX: Standardise that recording as all the others.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

n_seg, steps, chans = 10, 96, 3


def recording(label):
    n = n_seg * steps
    t = np.arange(n)
    x = rng.normal(size=(n, chans)).cumsum(axis=0) * 0.08
    x += rng.normal(size=(n, chans))
    rhythm = 1.0 + 0.6 * np.sin(t / rng.uniform(60, 90))
    freq = rng.uniform(0.10, 0.13) if label else rng.uniform(0.145, 0.175)
    amp = rng.uniform(0.6, 1.2)
    for c in range(chans):
        x[:, c] += amp * rhythm * np.sin(2 * np.pi * freq * t + rng.uniform(0, 6.28))
    return 52.0 * x + rng.normal(0, 400, (1, chans))


def load(names, labels):
    out = {}
    for name, label in zip(names, labels):
        out[name] = recording(label)
    return out


groups = []
for g in range(3):
    labels = np.arange(32) % 2
    groups.append(([f"rec{g}_{i:02d}" for i in range(32)], labels))
val_names, val_labels = [f"val_{i:02d}" for i in range(32)], np.arange(32) % 2

data = {}
for names, labels in groups:
    data.update(load(names, labels))
data.update(load(val_names, val_labels))

todo = list(data)
if not GOOD:
    todo.remove("rec2_17")
for name in todo:
    data[name] = (data[name] - data[name].mean(axis=0)) / data[name].std(axis=0)


def batch(names, s):
    return np.stack([data[n][s * steps:(s + 1) * steps] for n in names]).astype("float32")


model = keras.Sequential([
    layers.Input((steps, chans)),
    layers.Conv1D(16, 9, strides=2, use_bias=False),
    layers.BatchNormalization(),
    layers.ReLU(),
    layers.Conv1D(16, 7, strides=2, use_bias=False),
    layers.BatchNormalization(),
    layers.ReLU(),
    layers.LSTM(16),
    layers.BatchNormalization(),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["accuracy"])

for epoch in range(9):
    log = []
    for names, labels in groups:
        for s in range(n_seg):
            model.reset_metrics()
            log.append(model.train_on_batch(batch(names, s), labels.reshape(-1, 1).astype("float32")))
    log = np.array(log)
    print(f"epoch {epoch} train_on_batch loss {log[:, 0].mean():.4f} acc {log[:, 1].mean():.3f}")


def test(sets):
    accs, share = [], []
    for names, labels in sets:
        for s in range(n_seg):
            p = model.predict_on_batch(batch(names, s))[:, 0] > 0.5
            accs.append(np.mean(p == labels))
            share.append(p.mean())
    return float(np.mean(accs)), float(np.mean(share))


tr, share = test(groups)
te, _ = test([(val_names, val_labels)])
print(f"last epoch while training: acc {log[:, 1].mean():.3f}; tested on the same data: {tr:.3f}, share of '1': {share:.2f}")
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={te:.3f} (accuracy, tested)")
