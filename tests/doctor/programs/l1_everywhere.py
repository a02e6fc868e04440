"""An L1 penalty of 0.05 on all kernels of a small regressor: nearly every weight ends at zero.

Humbatova et al. 2020, Training / Hyperparameters (regularisation); the kind of question with a loss that falls while
the predictions stay at the mean.
"""

import keras
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("strong-regularization",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(65)
    (x, y), (xv, yv) = discs()
    x, xv = x / 255.0, xv / 255.0
    y, yv = (y[:, :2] - 12) / 6, (yv[:, :2] - 12) / 6
    penalty = keras.regularizers.L1(1e-6 if repaired else 0.05)
    inputs = layers.Input((24, 24, 1))
    h = inputs
    for filters in (16, 24):
        h = layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=penalty,
        )(h)
    h = layers.Flatten()(h)
    h = layers.Dense(48, activation="relu", kernel_initializer="he_normal", kernel_regularizer=penalty)(h)
    model = keras.Model(inputs, layers.Dense(2, kernel_regularizer=penalty)(h))
    model.compile(keras.optimizers.Adam(1e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
