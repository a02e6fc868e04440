"""Source: https://community.deeplearning.ai/t/loss-values-do-not-change/324182 (the answer was not in the text found, cause checked by running)
Saw: y = 2x - 1 from seven points; in most runs the loss stands still at one value whatever layers or rate are tried.
CAUSE: the output layer has relu, so the net cannot give the negative targets and, once its sum is negative, gives 0 with no gradient.
FIX: no activation on the last layer.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "float32").reshape(7, 1)
y = np.array([-3.0, -1.0, 1.0, 3.0, 5.0, 7.0, 9.0], "float32").reshape(7, 1)

inp = layers.Input((1,))
d1 = layers.Dense(4, activation="relu")(inp)
d2 = layers.Dense(2, activation="relu")(d1)
d3 = layers.Dense(1, activation=None if GOOD else "relu")(d2)
model = keras.Model(inp, d3)
model.compile(loss=keras.losses.MeanSquaredError(), optimizer=keras.optimizers.Adam(0.01))
h = model.fit(x, y, epochs=500, verbose=0)
xt = np.array([[0.5], [2.5], [4.5]], "float32")
val = float(np.mean((model.predict(xt, verbose=0) - (2 * xt - 1)) ** 2))
print(f"RESULT {sys.argv[1]} train={h.history['loss'][-1]:.4f} val={val:.4f} (mse)")
