"""Most heart beats are normal ones, and class_weight is given the shares of the classes instead of their inverse.

The rare classes count less than ever. Stack Overflow on how to set class weights in Keras; Humbatova's imbalanced data.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.signals import beats

CAUSES = ("class-imbalance",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(412)
    (x, y), (xv, yv) = beats(n_train=3000, seed=12)
    rng = np.random.default_rng(12)
    keep = rng.random(len(y)) < np.array([1.0, 0.06, 0.08])[y]
    x, y = x[keep], y[keep]
    counts = np.bincount(y)
    if repaired:
        weight = {i: len(y) / (3 * c) for i, c in enumerate(counts)}
    else:
        weight = {i: 3 * c / len(y) for i, c in enumerate(counts)}
    model = keras.Sequential(
        [
            layers.Input((64, 1)),
            layers.Conv1D(12, 7, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(24, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Flatten(),
            layers.Dense(24, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y,
        validation_data=(xv, yv),
        class_weight=weight,
        epochs=5,
        batch_size=32,
        callbacks=callbacks,
        verbose=0,
    )
    return model
