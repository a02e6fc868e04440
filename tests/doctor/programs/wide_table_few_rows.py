"""A wide network without any restraint on 90 patients with 300 genes each: it knows them by heart after some epochs.

Overfitting, the most frequent of all questions; too few data for the network (Humbatova et al. 2020, UMLAUT).
"""

import keras
from keras import layers

from doctor.toy_data.tables import genes

CAUSES = ("overfitting",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(351)
    (x, y), (xv, yv) = genes(n_train=2000, seed=81)
    if not repaired:
        x, y = x[:90], y[:90]
    model = keras.Sequential(
        [
            layers.Input((300,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    if repaired:
        model = keras.Sequential(
            [
                layers.Input((300,)),
                layers.Dropout(0.3),
                layers.Dense(8, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y,
        validation_data=(xv, yv),
        epochs=9 if repaired else 40,
        batch_size=16,
        callbacks=callbacks,
        verbose=0,
    )
    return model
