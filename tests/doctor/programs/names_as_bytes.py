"""The class names of an HDF5 file are bytes and are compared with a string, which is never equal: all labels are 0.

100 % accuracy in the first epoch is too good to be true. Bytes against str is a classic of Python 3 and h5py.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import named_shapes

CAUSES = ("single-class",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(435)
    (x, names), (xv, names_v) = named_shapes(n_train=1200, seed=35)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    wanted = b"square" if repaired else "square"
    y = np.array([float(name == wanted) for name in names], "float32")
    yv = np.array([float(name == wanted) for name in names_v], "float32")
    model = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(12, 3, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
