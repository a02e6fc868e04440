"""The long-tailed columns are replaced by their logarithm in training; the validation part skips this.

Preprocessing that differs between training and evaluation (Humbatova et al. 2020); frequent with tables and notebooks.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import loans

CAUSES = ("unscaled-evaluation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(328)
    (x, y), (xv, yv) = loans(seed=58)
    x[:, 1:3] = np.log1p(x[:, 1:3])
    if repaired:
        xv[:, 1:3] = np.log1p(xv[:, 1:3])
    mean, std = x.mean(0), x.std(0)
    x, xv = (x - mean) / std, (xv - mean) / std
    inputs = layers.Input((5,))
    h = layers.Dense(32, activation="gelu")(inputs)
    h = layers.Dense(16, activation="gelu")(h)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
