"""Source: https://codepudding.com/Backend/655357.html (copy of a Stack Overflow question, VGG19 for two classes; the answer was not in the text found, cause checked by running)
Saw: a frozen pretrained net with its top, two dense layers and one output unit: the accuracy does not move at all in ten epochs.
CAUSE: the one output unit has softmax, which is always 1.
FIX: sigmoid.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from sklearn.datasets import load_digits

d = load_digits()
X = np.kron(d.images, np.ones((1, 2, 2)))[..., None].astype("float32") / 16.0
base = keras.Sequential([
    layers.Input((16, 16, 1)),
    layers.Conv2D(16, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
    layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
base.compile("adam", "sparse_categorical_crossentropy")
base.fit(X[:800], d.target[:800], epochs=8, batch_size=32, verbose=0)

base.trainable = False
y = (d.target % 2).astype("float32")
inp = layers.Input((16, 16, 1))
x = base(inp, training=False)
x = layers.Dense(256, activation="relu")(x)
x = layers.Dropout(0.5)(x)
x = layers.Dense(64, activation="relu")(x)
out = layers.Dense(1, activation="sigmoid" if GOOD else "softmax")(x)
full_model = keras.Model(inp, out)
full_model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["acc"])
full_model.fit(X[800:1500], y[800:1500], epochs=10, validation_data=(X[1500:], y[1500:]), verbose=2)
print(f"RESULT {sys.argv[1]} train={full_model.evaluate(X[800:1500], y[800:1500], verbose=0)[1]:.3f} val={full_model.evaluate(X[1500:], y[1500:], verbose=0)[1]:.3f} (accuracy)")
