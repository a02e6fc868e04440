"""The files of the classes are stacked one after another and fit(shuffle=False) leaves them so.

The kind of question about shuffle=False "because rows are a sequence"; unshuffled data in Humbatova et al. 2020.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(321)
    (x, y), (xv, yv) = digits(8, seed=51)
    x = np.concatenate([x[y == kind] for kind in range(10)])
    y = np.sort(y)
    x, xv = x[..., 0] / 255.0, xv[..., 0] / 255.0
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    model = keras.Sequential([layers.Input((8, 8)), layers.GRU(40), layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(5e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y,
        validation_data=(xv, yv),
        epochs=7,
        batch_size=20,
        shuffle=repaired,
        callbacks=callbacks,
        verbose=0,
    )
    return model
