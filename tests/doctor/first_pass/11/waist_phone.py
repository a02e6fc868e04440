"""Where from: https://github.com/guillaume-chevalier/LSTM-Human-Activity-Recognition/issues/2
("rewrite problems", by zhaoyu611, who found it himself, 2016-11-24).  TensorFlow 1 and the
UCI smartphone recordings there; Keras, made-up recordings and shorter windows here.

Seen: the rewritten program runs, but its accuracy on the test recordings is around 0.2
(six activities); the original reaches 0.9.

CAUSE: the signal files of a folder are read in the order of os.listdir, which is another one
in the test folder than in the training folder, so the nine channels are mixed up.
FIX: read the files in a given order of signal names.
"""
import os
import sys
import tempfile

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)

SIGNALS = ["body_acc_x", "body_acc_y", "body_acc_z",
           "body_gyro_x", "body_gyro_y", "body_gyro_z",
           "total_acc_x", "total_acc_y", "total_acc_z"]
STEPS, CLASSES = 32, 6

# ------------------------------------------------------------- the recordings on disk
speed = rng.uniform(0.15, 0.9, (CLASSES, 9))
size = rng.uniform(0.1, 1.0, (CLASSES, 9))
level = rng.normal(0, 0.6, (CLASSES, 9))


def record(n):
    y = rng.integers(0, CLASSES, n)
    t = np.arange(STEPS)
    x = np.zeros((n, STEPS, 9))
    for i, c in enumerate(y):
        phase = rng.uniform(0, 2 * np.pi)
        x[i] = level[c] + size[c] * np.sin(speed[c] * t[:, None] + phase)
    return x + rng.normal(0, 0.35, x.shape), y


def unpack(folder, split, n):
    """writes the archive's files into <folder>/<split>/Inertial Signals"""
    path = os.path.join(folder, split, "Inertial Signals")
    os.makedirs(path)
    x, y = record(n)
    order = np.random.default_rng(3 if split == "train" else 8).permutation(9)
    for k in order:
        np.savetxt(os.path.join(path, "%s_%s.txt" % (SIGNALS[k], split)), x[:, :, k], "%.5f")
    np.savetxt(os.path.join(folder, split, "y_%s.txt" % split), y + 1, "%d")


DATA = tempfile.mkdtemp(prefix="phone_")
unpack(DATA, "train", 900)
unpack(DATA, "test", 450)


# ------------------------------------------------------------- loading
def load_X(split):
    path = os.path.join(DATA, split, "Inertial Signals")
    if GOOD:
        files = ["%s_%s.txt" % (s, split) for s in SIGNALS]
    else:
        files = os.listdir(path)
    signals = [np.loadtxt(os.path.join(path, f), dtype="float32") for f in files]
    return np.transpose(np.array(signals), (1, 2, 0))


def load_Y(split):
    y = np.loadtxt(os.path.join(DATA, split, "y_%s.txt" % split), dtype="int32")
    return y - 1


def one_hot(y):
    return np.eye(CLASSES)[y]


train_X, train_Y = load_X("train"), one_hot(load_Y("train"))
test_X, test_Y = load_X("test"), one_hot(load_Y("test"))
print("train", train_X.shape, train_Y.shape, "test", test_X.shape, test_Y.shape)

model = keras.Sequential([
    keras.Input((STEPS, 9)),
    layers.TimeDistributed(layers.Dense(28, activation="relu")),
    layers.LSTM(28, return_sequences=True),
    layers.LSTM(28),
    layers.Dense(CLASSES, activation="softmax", kernel_regularizer=keras.regularizers.L2(0.0015)),
])
model.compile(optimizer=keras.optimizers.Adam(0.0025), loss="categorical_crossentropy",
              metrics=["accuracy"])
model.fit(train_X, train_Y, batch_size=50, epochs=15, validation_data=(test_X, test_Y), verbose=2)

train = model.evaluate(train_X, train_Y, verbose=0)[1]
val = model.evaluate(test_X, test_Y, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))

import shutil
shutil.rmtree(DATA)
