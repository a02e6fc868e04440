"""Sorted arrays go into fit with validation_split, which cuts the last quarter off before it shuffles.

A frequent question: training accuracy is fine and validation accuracy is zero, since its classes were never trained.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(20)
    (x, y), _ = digits(8, n_train=1700, n_val=90)
    order = np.random.default_rng(20).permutation(len(x)) if repaired else np.argsort(y, kind="stable")
    x, y = x[order].reshape(-1, 64) / 255.0, y[order]
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_split=0.25, epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
