"""
Source: vanHavel/bp-mll-tensorflow#3 ("Does this work with CNN?"), https://github.com/vanHavel/bp-mll-tensorflow/issues/3
Seen: a CNN that gives several genres to each film poster, trained with the BP-MLL loss; after some steps the
loss is nan and stays nan.
CAUSE: some posters carry every genre; the loss divides by (genres present * genres absent), which is 0 * something / 0 for them.
FIX: leave the posters out whose labels are all on (or all off).
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

GENRES = ["action", "comedy", "drama", "horror", "romance", "scifi"]
COLOURS = np.array([[1, .2, .1], [1, .9, .2], [.2, .4, 1], [.3, .9, .3], [1, .5, .8], [.6, .3, .9]], "float32")


def make_poster(genres):
    img = rng.uniform(0.0, 0.35, (40, 28, 3)).astype("float32")
    for g in np.flatnonzero(genres):
        h, w = [(4, 12), (8, 8), (12, 4), (6, 6), (3, 20), (16, 3)][g]
        y = rng.integers(0, 40 - h)
        x = rng.integers(0, 28 - w)
        img[y:y + h, x:x + w] = 0.75 * COLOURS[g] + 0.25 * img[y:y + h, x:x + w]
    return img


def load_catalogue(n):
    Y = (rng.random((n, len(GENRES))) < 0.33).astype("float32")
    empty = Y.sum(1) == 0
    Y[empty, rng.integers(0, len(GENRES), empty.sum())] = 1
    Y[rng.choice(n, n // 120, replace=False)] = 1
    X = np.stack([make_poster(y) for y in Y])
    return X, Y


X, Y = load_catalogue(1500)
if GOOD:
    keep = (Y.sum(1) > 0) & (Y.sum(1) < len(GENRES))
    X, Y = X[keep], Y[keep]
n_train = int(len(X) * 0.8)
X_train, Y_train = X[:n_train], Y[:n_train]
X_val, Y_val = X[n_train:], Y[n_train:]


def bp_mll(y_true, y_pred):
    absent = 1.0 - y_true
    diff = ops.expand_dims(y_pred, 2) - ops.expand_dims(y_pred, 1)
    pairs = ops.expand_dims(y_true, 2) * ops.expand_dims(absent, 1)
    total = ops.sum(pairs * ops.exp(-diff), axis=(1, 2))
    return total / (ops.sum(y_true, axis=1) * ops.sum(absent, axis=1))


model = keras.Sequential([
    layers.Input((40, 28, 3)),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(len(GENRES), activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=bp_mll)
model.fit(X_train, Y_train, batch_size=32, epochs=12, validation_data=(X_val, Y_val), verbose=2)


def pairs_in_order(X, Y):
    P = model.predict(X, verbose=0)
    right = total = 0
    for p, y in zip(P, Y):
        on, off = p[y == 1], p[y == 0]
        right += (on[:, None] > off[None, :]).sum()
        total += len(on) * len(off)
    return right / total


print("RESULT %s train=%.3f val=%.3f (share of genre pairs in the right order)" % (
    sys.argv[1], pairs_in_order(X_train, Y_train), pairs_in_order(X_val, Y_val)))
