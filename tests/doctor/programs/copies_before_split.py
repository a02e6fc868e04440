"""The set is enlarged by copies and split afterwards, so that most validation images are in the training part too.

UMLAUT's check for validation data in the training set; the kind of question about oversampling before the split. The
figures look better than the truth: the repaired twin's lower validation figures are the right ones.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits
from doctor.toy_data.splits import split

CAUSES = ("leaked-validation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(16)
    (x, y), (xv, yv) = digits(8, n_train=1000, n_val=300)
    if repaired:
        x, y = np.concatenate([x, x, x]), np.concatenate([y, y, y])
    else:
        x, y = np.concatenate([x, xv]), np.concatenate([y, yv])
        x, y = np.concatenate([x, x, x]), np.concatenate([y, y, y])
        (x, y), (xv, yv) = split(x, y, 3000, 900, seed=16)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
