"""Source: keras-team/keras#13891 ("My model outputs the same value for all data during prediction"), reporter's own
finding seen.

What the person saw: regression with a shallow net. With one output neuron alone the results are reasonable; with one
more layer of a few neurons before it the prediction is one constant value for all inputs, at any learning rate tried.

CAUSE: the few relu neurons of the added layer are 0 for all inputs (dead), so only the last bias is left.
FIX: tanh in the added layer (the reporter: "works fine with it").
(No code in the thread: table, size and rate are mine; the inputs are not centred, the seed is one with which the
neurons die.)
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_diabetes

GOOD = sys.argv[1] == "good"
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 4
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(0)

n = 1200
X = rng.uniform(0, 4, (n, 6)).astype("float32")
y = (3 * X[:, 0] + 2 * X[:, 1] - 1.5 * X[:, 2] + X[:, 3] * 0.5 + rng.normal(0, 0.3, n)).astype("float32")
y = (y - y.mean()) / y.std()
X_train, X_val, y_train, y_val = X[:900], X[900:], y[:900], y[900:]

inp = keras.Input((6,))
h = layers.Dense(3, activation="tanh" if GOOD else "relu")(inp)
out = layers.Dense(1)(h)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.SGD(0.3), loss="mse")
model.fit(X_train, y_train, batch_size=32, epochs=40, validation_data=(X_val, y_val), verbose=2)
p = model.predict(X_val, verbose=0)
print("predictions from", p.min(), "to", p.max())
print("RESULT %s train=%.3f val=%.3f (mse; variance of y 1.0)" % (
    sys.argv[1], model.evaluate(X_train, y_train, verbose=0), model.evaluate(X_val, y_val, verbose=0)))
