"""All kernels start at zero, so the relu layers give zeros and no gradient passes.

NeuraLint's rule on symmetric initialisation, Humbatova et al. 2020 (wrong weights initialisation); a frequent question.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("symmetric-init",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(62)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    init = "he_normal" if repaired else "zeros"
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer=init),
            layers.Flatten(),
            layers.Dense(48, activation="relu", kernel_initializer=init),
            layers.Dense(10, activation="softmax", kernel_initializer=init),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
