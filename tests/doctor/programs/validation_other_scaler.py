"""The table's validation rows are scaled by the largest value of each column, the training rows to mean 0, deviation 1.

Humbatova et al. 2020, Training / Validation and testing; the kind of question with a fitted scaler used once only.
"""

import keras
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("unscaled-evaluation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(22)
    (x, y), (xv, yv) = cells()
    mean, std, largest = x.mean(axis=0), x.std(axis=0), xv.max(axis=0)
    x = (x - mean) / std
    xv = (xv - mean) / std if repaired else xv / largest
    model = keras.Sequential(
        [
            layers.Input((30,)),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=16, callbacks=callbacks, verbose=0)
    return model
