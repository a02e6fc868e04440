"""Sample weights that are divided by their sum: each is about 1/1400, and so is each step of SGD.

Keras API, Model training APIs, fit: sample_weight.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("example-weights",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(60)
    (x, y), (xv, yv) = digits(8)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    weights = 1 / np.bincount(y)[y]
    weights /= weights.mean() if repaired else weights.sum()
    data = (xv / 255, yv)
    model.fit(x / 255, y, sample_weight=weights, validation_data=data, epochs=6, callbacks=callbacks, verbose=0)
    return model
