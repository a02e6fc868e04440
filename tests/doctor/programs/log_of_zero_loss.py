"""A crossentropy written by hand takes log(1 - p) without a guard and meets p = 1 in 32-bit numbers.

DeepLocalize's numerical errors; Humbatova et al. 2020, Training / Loss function (wrong implementation).
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import shapes

CAUSES = ("not-finite",)


def make_loss(epsilon):
    def crossentropy(y_true, p):
        y_true = ops.cast(y_true, p.dtype)
        p = ops.clip(p, epsilon, 1 - epsilon)
        return -ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), axis=-1)

    return crossentropy


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(80)
    (x, y), (xv, yv) = shapes(4)
    x, xv = x / 255.0, xv / 255.0
    y, yv = keras.utils.to_categorical(y, 4), keras.utils.to_categorical(yv, 4)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), make_loss(1e-6 if repaired else 0.0), metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
