"""Only threes and eights are kept for a two-class network, but their labels are still 3 and 8 instead of 0 and 1.

Questions about keeping two classes of MNIST or CIFAR-10 with one sigmoid (negative loss); wrong labels.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("label-out-of-range", "label-encoding")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(319)
    (x, y), (xv, yv) = digits(12, seed=49)
    keep, keep_val = np.isin(y, (3, 8)), np.isin(yv, (3, 8))
    x, y, xv, yv = x[keep] / 255.0, y[keep], xv[keep_val] / 255.0, yv[keep_val]
    if repaired:
        y, yv = (y == 8).astype("int64"), (yv == 8).astype("int64")
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=8, callbacks=callbacks, verbose=0)
    return model
