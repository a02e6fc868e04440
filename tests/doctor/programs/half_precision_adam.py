"""All layers in float16, in which Adam's epsilon of 1e-7 is below the smallest normal number.

keras-team/keras#11860; TensorFlow guide, Mixed precision.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("small-epsilon",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(58)
    (x, y), (xv, yv) = digits(8)
    dtype = "float32" if repaired else "float16"
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu", dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(10, activation="softmax", dtype=dtype),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x / 255, y, validation_data=(xv / 255, yv), epochs=3, callbacks=callbacks, verbose=0)
    return model
