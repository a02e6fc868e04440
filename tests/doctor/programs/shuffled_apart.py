"""Images and labels are shuffled one after the other, each by its own order, so that the labels belong to others.

A frequent question (np.random.shuffle called twice); Humbatova et al. 2020, Training / Training data quality.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(13)
    (x, y), (xv, yv) = digits(8)
    rng = np.random.default_rng(13)
    if repaired:
        order = rng.permutation(len(x))
        x, y = x[order], y[order]
    else:
        rng.shuffle(x)
        rng.shuffle(y)
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
