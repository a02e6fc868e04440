"""Source: https://stats.stackexchange.com/questions/261704/training-a-neural-network-for-regression-always-predicts-the-mean (the answers were not in the text found, cause checked by running)
Saw: a CNN for the (x, y) place of a box in a picture gives the middle for every picture; the loss does not go down.
CAUSE: the learning rate of 0.01 is too high for Adam here: the relu layers die in the first steps and the output bias is all that is left.
FIX: a learning rate of 0.0005.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

rng = np.random.default_rng(0)
n = 2400
images = np.zeros((n, 32, 32, 3), "float32")
targets = np.zeros((n, 2), "float32")
for i in range(n):
    r, c = rng.integers(3, 29, 2)
    images[i] = rng.uniform(0, 100, 3)
    images[i, r - 3:r + 3, c - 3:c + 3] = rng.uniform(130, 255, 3)
    targets[i] = (c - 16) / 16, (r - 16) / 16

model = keras.Sequential()
model.add(layers.Input((32, 32, 3)))
model.add(layers.Conv2D(32, (5, 5), padding="same", strides=(2, 2), activation="relu"))
model.add(layers.Conv2D(64, (5, 5), padding="same", strides=(2, 2), activation="relu"))
model.add(layers.Conv2D(128, (5, 5), padding="same", strides=(2, 2), activation="relu"))
model.add(layers.Flatten())
model.add(layers.Dense(100, activation="relu"))
model.add(layers.Dense(2, activation="linear"))
adam = keras.optimizers.Adam(0.0005 if GOOD else 0.01)
model.compile(loss="mean_squared_error", optimizer=adam)
model.fit(images, targets, batch_size=32, epochs=10, verbose=2, validation_split=0.2, shuffle=True)
tr = model.evaluate(images[:1920], targets[:1920], verbose=0)
va = model.evaluate(images[1920:], targets[1920:], verbose=0)
print("spread of predictions", model.predict(images[1920:], verbose=0).std(0))
print(f"RESULT {sys.argv[1]} train={tr:.4f} val={va:.4f} (mse; variance {targets.var():.3f})")
