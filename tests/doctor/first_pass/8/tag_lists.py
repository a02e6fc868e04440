"""Source: vanHavel/bp-mll-tensorflow#3 ("Does this work with CNN?"), whole thread seen; the reporter confirms the cause.

What the person saw: a net for many labels at once (genres of films) trained with the BP-MLL loss; after some steps the loss is
NaN and stays NaN.

CAUSE: some rows have all labels (or none), and the loss divides by (number of labels present) * (number absent), which is 0.
FIX: leave such rows out of the training data.
(A table instead of film posters; the loss is written anew after its formula.)
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

GENRES = 6
N = 3000
x = rng.normal(size=(N, 20)).astype("float32")
w = rng.normal(size=(20, GENRES))
score = x @ w / np.sqrt(20)
y = (score > 0.25).astype("float32")
print("genres per film:", np.bincount(y.sum(1).astype(int), minlength=GENRES + 1))

x_train, y_train, x_val, y_val = x[:2400], y[:2400], x[2400:], y[2400:]
if GOOD:
    n = y_train.sum(1)
    keep = (n > 0) & (n < GENRES)
    x_train, y_train = x_train[keep], y_train[keep]


def bp_mll(y_true, y_pred):
    """Pairwise: every genre present should get more than every genre absent."""
    y_true = ops.cast(y_true, "float32")
    absent = 1.0 - y_true
    pairs = y_true[:, :, None] * absent[:, None, :]
    diff = y_pred[:, :, None] - y_pred[:, None, :]
    total = ops.sum(pairs * ops.exp(-diff), axis=(1, 2))
    return total / (ops.sum(y_true, axis=1) * ops.sum(absent, axis=1))


model = keras.Sequential([
    layers.Input((20,)),
    layers.Dense(64, activation="relu"),
    layers.Dense(GENRES, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(0.002), loss=bp_mll)
model.fit(x_train, y_train, batch_size=64, epochs=15, verbose=2)


def ranking(a, b):
    """Share of pairs (genre present, genre absent) in the right order."""
    p = model.predict(a, verbose=0)
    right = total = 0
    for t, q in zip(b, p):
        d = q[t == 1][:, None] > q[t == 0][None, :]
        right += d.sum()
        total += d.size
    return right / total


print(f"RESULT {sys.argv[1]} train={ranking(x_train, y_train):.3f} val={ranking(x_val, y_val):.3f} (pairs in the right order)")
