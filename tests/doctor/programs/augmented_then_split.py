"""Four noisy copies are made of each image and the set is split afterwards: validation has sisters of training images.

A frequent warning on forums about augmentation before the split; data leakage in the literature. The figures look too
good: the repaired twin's lower validation figures are the right ones.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits
from doctor.toy_data.splits import split

CAUSES = ("leaked-validation",)


def augmented(x, y, rng):
    noisy = [np.clip(x + rng.normal(0, 10, x.shape), 0, 255) for _ in range(4)]
    return np.concatenate(noisy), np.tile(y, 4)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(325)
    rng = np.random.default_rng(55)
    (x, y), (xv, yv) = digits(8, n_train=300, n_val=100, seed=55)
    if repaired:
        x, y = augmented(x, y, rng)
    else:
        x, y = augmented(np.concatenate([x, xv]), np.concatenate([y, yv]), rng)
        (x, y), (xv, yv) = split(x, y, 1200, 400, seed=55)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
