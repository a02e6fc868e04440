"""Rows with missing values are dropped from the table but not from the labels, which are then cut to its length.

From the first dropped row on, each sample has the label of another. A classic with pandas' dropna and a separate y.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import soils

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(410)
    (x, y), (xv, yv) = soils(seed=10)
    complete = ~np.isnan(x).any(axis=1)
    x = x[complete]
    y = y[complete] if repaired else y[: len(x)]
    scale = layers.Normalization()
    scale.adapt(x)
    model = keras.Sequential(
        [
            layers.Input((4,)),
            scale,
            layers.Dense(48, activation="relu"),
            layers.Dense(24, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=12, batch_size=32, callbacks=callbacks, verbose=0)
    return model
