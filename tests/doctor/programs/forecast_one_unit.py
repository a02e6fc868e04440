"""The next six hours are the target, but the last layer has one unit: its one number is compared with all six.

Wrong number of units in the last layer (DeepFD, NeuraLint, Humbatova et al. 2020); nothing complains: shapes broadcast.
"""

import keras
from keras import layers

from doctor.toy_data.signals import loads

CAUSES = ("output-units",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(317)
    (x, y), (xv, yv) = loads(horizon=6, seed=47)
    mean, std = x.mean(), x.std()
    x, xv, y, yv = ((a - mean) / std for a in (x, xv, y, yv))
    inputs = layers.Input((24, 1))
    h = layers.LSTM(24)(inputs)
    h = layers.Dense(24, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(6 if repaired else 1)(h))
    model.compile(keras.optimizers.Adam(5e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=10, batch_size=32, callbacks=callbacks, verbose=0)
    return model
