"""SOURCE: https://github.com/BrainJS/brain.js/issues/195 ("Output (almost) always returns "0" when running a network";
thread read as excerpts that hold the question and the answer of perkyguy with a demo)
SEEN: A network with relu predicts the rent (about 1700) from bedrooms, bathrooms and square feet. Nearly every run gives
{ cost: 0 } for whatever flat, now and then one constant (1809.9).
CAUSE: Inputs and targets in their raw units (1421 square feet, 1692 dollars) with a step of 0.3: the first updates are so
large that the relu units end far below zero for every row and their gradient is 0 from then on.
FIX: Bring inputs and output between 0 and 1 (bedrooms / 10, bathrooms / 10, sqft / 10000, cost / 10000) and scale the
prediction back.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)


def offers(n):
    bedrooms = rng.integers(1, 6, n)
    bathrooms = np.maximum(1, bedrooms - rng.integers(0, 3, n))
    sqft = np.round(350 + 330 * bedrooms + rng.normal(0, 180, n)).clip(320)
    cost = 350 + 0.55 * sqft + 90 * bedrooms + 130 * bathrooms + rng.normal(0, 120, n)
    x = np.stack([bedrooms, bathrooms, sqft], 1).astype("float32")
    return x, np.round(cost).astype("float32")[:, None]


x_train, y_train = offers(320)
x_test, y_test = offers(120)

in_scale = np.array([10, 10, 10000], "float32") if GOOD else np.ones(3, "float32")
out_scale = 10000.0 if GOOD else 1.0

net = keras.Sequential([
    keras.Input((3,)),
    layers.Dense(8, activation="relu"),
    layers.Dense(1, activation="relu"),
])
net.compile(optimizer=keras.optimizers.SGD(0.3, momentum=0.1), loss="mse")
h = net.fit(x_train / in_scale, y_train / out_scale, epochs=14, batch_size=1, verbose=0)
for i in range(1, 14, 3):
    print("iterations:", i + 1, "training error:", h.history["loss"][i])


def run(x):
    return net.predict(x / in_scale, verbose=0) * out_scale


guess = run(x_test)
for i in range(6):
    print(x_test[i], "cost:", guess[i, 0], "true:", y_test[i, 0])


def r2(x, y):
    return 1 - np.mean((run(x) - y) ** 2) / np.var(y)


print(f"RESULT {'good' if GOOD else 'bad'} train={r2(x_train, y_train):.3f} val={r2(x_test, y_test):.3f} (R2)")
