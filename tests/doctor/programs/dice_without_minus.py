"""The loss returns the Dice coefficient itself instead of one minus it, and training makes it as small as it can.

Questions about own Dice and IoU losses ("dice coefficient decreases during training"); wrong loss in all taxonomies.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import stains

CAUSES = ("wrong-loss",)


def dice(y_true, y_pred):
    both = ops.sum(y_true * y_pred, axis=(1, 2, 3))
    return (2 * both + 1) / (ops.sum(y_true, axis=(1, 2, 3)) + ops.sum(y_pred, axis=(1, 2, 3)) + 1)


def one_minus_dice(y_true, y_pred):
    return 1 - dice(y_true, y_pred)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(311)
    (x, y), (xv, yv) = stains(seed=41)
    x, xv = (x - 100.0) / 50, (xv - 100.0) / 50
    inputs = layers.Input((16, 16, 1))
    top = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    h = layers.MaxPooling2D()(top)
    h = layers.Conv2D(16, 3, padding="same", activation="relu")(h)
    h = layers.Concatenate()([top, layers.UpSampling2D()(h)])
    h = layers.Conv2D(12, 3, padding="same", activation="relu")(h)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(2e-3), one_minus_dice if repaired else dice, metrics=["binary_accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=16, callbacks=callbacks, verbose=0)
    return model
