"""Source: https://ai.stackexchange.com/questions/34041/can-cnns-detect-image-similarity
Saw: two pictures side by side in one image, label same or different; a CNN with flatten and dense layers hardly gets beyond chance.
CAUSE: flatten and dense over the whole image have to find out by themselves which place on the left belongs to which on the right, and lose what the convolution knew of places.
FIX: subtract the left half of the convolution output from the right half before the dense layers.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from scipy.ndimage import gaussian_filter

rng = np.random.default_rng(0)

def pattern():
    p = gaussian_filter(rng.normal(size=(16, 16)), 1.2)
    return (p - p.min()) / (p.max() - p.min())

n = 1400
X = np.zeros((n, 16, 32, 1), "float32")
y = np.tile([0.0, 1.0], n // 2).astype("float32")
for i in range(n):
    left = pattern()
    right = left if y[i] else pattern()
    X[i, :, :16, 0] = left
    X[i, :, 16:, 0] = np.clip(right + 0.03 * rng.normal(size=(16, 16)), 0, 1)

inp = layers.Input((16, 32, 1))
x = layers.Conv2D(8, 3, padding="same", activation="relu")(inp)
x = layers.MaxPooling2D()(x)
x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
if GOOD:
    x = layers.Lambda(lambda t: abs(t[:, :, :8] - t[:, :, 8:]))(x)
x = layers.Flatten()(x)
x = layers.Dense(32, activation="relu")(x)
out = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inp, out)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(X[:1100], y[:1100], epochs=8, batch_size=32, validation_data=(X[1100:], y[1100:]), verbose=2)
print(f"RESULT {sys.argv[1]} train={model.evaluate(X[:1100], y[:1100], verbose=0)[1]:.3f} val={model.evaluate(X[1100:], y[1100:], verbose=0)[1]:.3f} (accuracy)")
