"""Scans of 16 bits are divided by 255, as if they were photographs: the inputs go up to 180 instead of 1.

A frequent answer to questions on medical PNG and TIFF files whose loss explodes; UMLAUT's check of the input range.
"""

import keras
from keras import layers

from doctor.toy_data.images import scans

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(401)
    (x, y), (xv, yv) = scans(seed=1)
    top = 65535.0 if repaired else 255.0
    x, xv = x.astype("float32") / top, xv.astype("float32") / top
    model = keras.Sequential(
        [
            layers.Input((24, 24, 1)),
            layers.Conv2D(12, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
