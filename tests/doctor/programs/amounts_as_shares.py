"""Three amounts are read from a spectrum, each between 0 and 2, but the last layer has a softmax: they add up to 1.

A classifier's script turned into a regression; wrong last activation in Humbatova et al. 2020 and NeuraLint.
"""

import keras
from keras import layers

from doctor.toy_data.signals import spectra

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(419)
    (x, y), (xv, yv) = spectra(n_train=1200, seed=19)
    mean, std = x.mean(), x.std()
    x, xv = (x - mean) / std, (xv - mean) / std
    model = keras.Sequential(
        [
            layers.Input((48,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(3, activation=None if repaired else "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mean_squared_error", metrics=["mae", "r2_score"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
