"""Two classes are coded -1 and +1, as for a support vector machine, under a sigmoid with binary crossentropy.

Frequent question: "why is my loss negative"; Humbatova et al. 2020, Training / Training data quality (labels).
"""

import keras
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("label-out-of-range",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(6)
    (x, y), (xv, yv) = cells()
    mean, std = x.mean(axis=0), x.std(axis=0)
    x, xv = (x - mean) / std, (xv - mean) / std
    if not repaired:
        y, yv = 2 * y - 1, 2 * yv - 1
    inputs = layers.Input((30,))
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(16, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y.astype("float32"),
        validation_data=(xv, yv.astype("float32")),
        epochs=8,
        batch_size=16,
        callbacks=callbacks,
        verbose=0,
    )
    return model
