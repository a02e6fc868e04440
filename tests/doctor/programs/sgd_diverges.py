"""SGD with a rate of 1 on a regression: each step overshoots more than the last until the loss is NaN.

UMLAUT's "learning rate too high", DeepLocalize's numerical errors, AutoTrainer; a frequent question on NaN losses.
"""

import keras
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(71)
    (x, y), (xv, yv) = discs()
    x, xv = x / 255.0, xv / 255.0
    y, yv = (y - y.mean(axis=0)) / y.std(axis=0), (yv - y.mean(axis=0)) / y.std(axis=0)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(24, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(48, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(3),
        ]
    )
    model.compile(keras.optimizers.SGD(0.02 if repaired else 1.0), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
