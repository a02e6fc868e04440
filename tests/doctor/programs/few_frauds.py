"""Four of a hundred payments are fraud and nothing makes up for it: 96% right without finding any is good enough.

Unbalanced training data in Humbatova et al. 2020; the credit card tutorial of TensorFlow; a very frequent question.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import payments

CAUSES = ("class-imbalance",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(326)
    (x, y), (xv, yv) = payments(seed=56)
    weights = {0: 0.5 / np.mean(y == 0), 1: 0.5 / np.mean(y == 1)}
    model = keras.Sequential(
        [
            layers.Input((10,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y,
        validation_data=(xv, yv),
        epochs=6,
        batch_size=32,
        class_weight=weights if repaired else None,
        callbacks=callbacks,
        verbose=0,
    )
    return model
