"""Rows of colour planes, as CIFAR-10 stores images, are reshaped to pixels without a transpose.

NumPy documentation, reshape and transpose; the format of CIFAR-10 in Krizhevsky 2009, Learning Multiple Layers of
Features from Tiny Images.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("scrambled-images",)


def colour_planes(x):
    """Images of one channel, (rows, 8, 8, 1), as rows of three planes of 16 x 16 pixels."""
    large = np.kron(x[..., 0], np.ones((2, 2), np.float32))
    return np.stack([large, 1 - large, 0.5 * large + 0.2], 1).reshape(len(x), -1)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(58)
    (x, y), (xv, yv) = digits(8)
    parts = [colour_planes(part / max(1.0, float(x.max()))) for part in (x, xv)]
    if repaired:
        parts = [part.reshape(-1, 3, 16, 16).transpose(0, 2, 3, 1) for part in parts]
    else:
        parts = [part.reshape(-1, 16, 16, 3) for part in parts]
    model = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(parts[0], y, validation_data=(parts[1], yv), epochs=8, callbacks=callbacks, verbose=0)
    return model
