"""A new column divides the instalments by the income; a few people have none, so that it holds infinities.

Feature engineering before scaling, as in many questions on "loss: nan" with tables whose isnull() finds nothing.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import accounts

CAUSES = ("non-finite-input",)


def features(table, repaired):
    income, instalments = table[:, 0], table[:, 1]
    if repaired:
        income = np.maximum(income, 3000)  # the least that counts
    with np.errstate(divide="ignore"):
        burden = np.log(instalments / income)
    return np.c_[burden, table[:, 2:]]


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(433)
    (x, y), (xv, yv) = accounts(seed=33)
    x, xv = features(x, repaired), features(xv, repaired)
    with np.errstate(invalid="ignore"):
        mean, std = x.mean(axis=0), x.std(axis=0)
        x, xv = (x - mean) / std, (xv - mean) / std
    model = keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
