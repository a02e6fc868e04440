"""
SOURCE: keras-team/keras#4066, "Cifar10 example sometimes only predicts 1 class and does not improve"
SAW: a four-layer CNN on small colour pictures of 10 classes: loss stuck at 2.304, accuracy 0.1, one class
for everything; Adam with lr 0.01 in the comment that asks back.
CAUSE: the learning rate 0.01 is too high for Adam on this network.
FIX: Adam with its default rate 0.001.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Dropout, Flatten, Dense
from keras.optimizers import Adam
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)

d = load_digits()


def colour(g):
    img = np.zeros((28, 28))
    y, x = rng.integers(0, 5, 2)
    img[y:y + 24, x:x + 24] = np.kron(g / 16.0, np.ones((3, 3)))
    back, fore = rng.uniform(0, 0.45, 3), rng.uniform(0.55, 1, 3)
    out = back + img[..., None] * (fore - back) + rng.normal(0, 0.04, (28, 28, 3))
    return np.clip(out, 0, 1)


X = np.array([colour(g) for g in d.images], "float32")
Y = keras.utils.to_categorical(d.target, 10)
perm = rng.permutation(len(X))
X, Y = X[perm], Y[perm]
X_train, Y_train, X_test, Y_test = X[:1400], Y[:1400], X[1400:], Y[1400:]

model = Sequential([Input((28, 28, 3))])
for filters in (32, 64):
    model.add(Conv2D(filters, 3, padding="same", activation="relu"))
    model.add(Conv2D(filters, 3, activation="relu"))
    model.add(MaxPooling2D())
    model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(256, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(10, activation="softmax"))

opt = Adam() if GOOD else Adam(learning_rate=0.01)
model.compile(loss="categorical_crossentropy", optimizer=opt, metrics=["accuracy"])
h = model.fit(X_train, Y_train, batch_size=32, epochs=7, validation_data=(X_test, Y_test), verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
