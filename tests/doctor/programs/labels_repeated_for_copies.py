"""Noisy copies are appended after all images, but the labels are repeated one by one (np.repeat, not np.tile).

Questions about augmenting arrays by hand; labels that do not belong to their images (Humbatova et al. 2020).
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(322)
    (x, y), (xv, yv) = digits(12, n_train=800, seed=52)
    x, xv = x / 255.0, xv / 255.0
    rng = np.random.default_rng(52)
    x = np.concatenate([x, x + rng.normal(0, 0.1, x.shape)])
    y = np.tile(y, 2) if repaired else np.repeat(y, 2)
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
