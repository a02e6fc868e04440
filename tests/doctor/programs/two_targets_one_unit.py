"""A regressor of x and y has one output unit; the loss broadcasts it against both targets.

NeuraLint's last-layer rules, Humbatova et al. 2020, Tensors and inputs (wrong output shape). Keras does not compare
the shapes in mse.
"""

import keras
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("output-units",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(45)
    (x, y), (xv, yv) = discs()
    y, yv = (y[:, :2] - 12) / 6, (yv[:, :2] - 12) / 6
    inputs = layers.Input((24, 24, 1))
    h = layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 24):
        h = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(2 if repaired else 1)(h))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
