"""
Source: https://example-a.com/answer/77588498 (mirror of Stack Overflow answer 77588498, "Issue in simple neural network")

Seen: synthetic data y = 10*x, one input and one output; a network of tanh layers with mse stays at a
loss of ~2000 and more, relu hidden layers change nothing.

CAUSE: the output layer is a tanh, so the network can only answer between -1 and 1 while the targets run into the hundreds.
FIX: a linear output; the answer takes a single linear Dense on the powers of x, trained with Adam(0.1).
"""
import sys

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, models, optimizers
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)


def SmallModel():
    inp = layers.Input((1,))
    l = layers.Dense(16, activation="tanh")(inp)
    l = layers.Dense(8, activation="tanh")(l)
    l = layers.Dense(4, activation="tanh")(l)
    output = layers.Dense(1, activation="tanh")(l)
    return models.Model(inp, output)


def PolynomialModel(degree):
    inp = layers.Input((degree + 1,))
    out = layers.Dense(1)(inp)
    return models.Model(inp, out)


x = np.linspace(-20, 20, 1000).astype("float32")
np.random.shuffle(x)
y = 10.0 * x

if GOOD:
    X = np.stack([x ** 0, x], axis=1)
    model = PolynomialModel(1)
    model.compile(loss="mean_squared_error", optimizer=optimizers.Adam(0.1))
else:
    X = x[:, None]
    model = SmallModel()
    model.compile(loss="mean_squared_error", optimizer=optimizers.Adam(0.001))

model.fit(X[:800], y[:800], validation_data=(X[800:], y[800:]), epochs=60, verbose=2)


def r2(a, b):
    p = model.predict(a, verbose=0)[:, 0]
    return 1 - np.mean((p - b) ** 2) / np.var(b)


print(f"RESULT {sys.argv[1]} train={r2(X[:800], y[:800]):.3f} val={r2(X[800:], y[800:]):.3f} (R2)")
