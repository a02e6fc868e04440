"""A binary classifier ends in one linear unit under binary crossentropy that expects a probability.

UMLAUT's "missing softmax layer before loss" in its sigmoid form, NeuraLint's last-layer rules; a frequent question.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("missing-softmax",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(37)
    (x, y), (xv, yv) = digits(8)
    x, y, xv, yv = x / 255.0, y % 2, xv / 255.0, yv % 2
    inputs = layers.Input((8, 8, 1))
    h = layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid" if repaired else None)(h))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
