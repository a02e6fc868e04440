"""
SOURCE: https://stats.stackexchange.com/questions/481881/convolutional-neural-network-fails-even-when-given-answer
SAW: a CNN that answers "true" for every sample; to debug it the person put the right answer into the
input itself and it was still not found.
CAUSE: the last layer is a single unit with softmax, which is 1 for every input, so nothing can be learned.
FIX: a single unit with sigmoid and binary_crossentropy.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, Flatten, Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)


def load(n):
    rng = np.random.default_rng(n)
    X = np.zeros((n, 99, 25, 2), "float32")
    y = (rng.random(n) < 0.58).astype(int)
    X[..., 0] = rng.integers(0, 2, (n, 99, 25)) * rng.random((n, 99, 25))
    X[..., 1] = y[:, None, None]
    return X, y


train_X, train_y = load(400)
test_X, test_y = load(150)


def run(train_X, train_y, test_X):
    layers = [
        Input((99, 25, 2)),
        Conv2D(30, kernel_size=3, activation="relu"),
        Conv2D(64, kernel_size=3, activation="relu"),
        Flatten(),
    ]
    if GOOD:
        model = Sequential(layers + [Dense(1, activation="sigmoid")])
        model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    else:
        model = Sequential(layers + [Dense(1, activation="softmax")])
        model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    model.fit(train_X, train_y, epochs=4, verbose=2)
    return np.round(model.predict(train_X, verbose=0), 0), np.round(model.predict(test_X, verbose=0), 0)


train_preds, preds = run(train_X, train_y, test_X)
print("share of 1 in the predictions:", preds.mean())
print("RESULT %s train=%.3f val=%.3f" % (
    sys.argv[1], np.mean(train_preds[:, 0] == train_y), np.mean(preds[:, 0] == test_y)))
