"""Source: https://stats.stackexchange.com/q/387150 (Keras from R) (the answer was not in the text found, cause checked by running)
Saw: an MLP with ten hidden units does not fit three points perfectly; the loss creeps to about 0.006 and stays (rate raised and epochs cut here).
CAUSE: the hidden layer has no activation, so the whole net is a straight line, which three points not on a line cannot lie on.
FIX: relu on the hidden layer.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

xs = np.array([[-1.0], [0.0], [1.0]], "float32")
ys = np.array([[-0.2445248], [0.1232554], [0.1713998]], "float32")

model = keras.Sequential([
    layers.Input((1,)),
    layers.Dense(10, activation="relu") if GOOD else layers.Dense(10),
    layers.Dense(1, activation="linear"),
])
model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.005))
model.fit(xs, ys, batch_size=32, epochs=600, verbose=0)
mse = model.evaluate(xs, ys, verbose=0)
print(f"RESULT {sys.argv[1]} train={mse:.6f} val={mse:.6f} (mse, the same three points)")
