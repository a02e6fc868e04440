"""A few ages are missing in the table; the scaling lets NaN pass and nothing fills them in.

The first thing to check in every answer about a NaN loss; missing values in Humbatova et al. 2020 and UMLAUT.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import loans

CAUSES = ("non-finite-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(348)
    (x, y), (xv, yv) = loans(n_train=1100, seed=78)
    rng = np.random.default_rng(78)
    x[rng.random(len(x)) < 0.03, 0] = np.nan
    xv[rng.random(len(xv)) < 0.03, 0] = np.nan
    x[:, 1:3], xv[:, 1:3] = np.log(x[:, 1:3]), np.log(xv[:, 1:3])
    mean, std = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    x, xv = (x - mean) / std, (xv - mean) / std
    if repaired:
        x, xv = np.nan_to_num(x), np.nan_to_num(xv)  # the mean
    y, yv = keras.utils.to_categorical(y, 2), keras.utils.to_categorical(yv, 2)
    model = keras.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(32, activation="elu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(16, activation="elu"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=25, callbacks=callbacks, verbose=0)
    return model
