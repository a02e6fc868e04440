"""A layer of one unit, left over from a binary classifier, sits before the ten-way softmax.

NeuraLint and Theia (arXiv:2412.05775) check for layers that narrow too much; a slip of editing the wrong line.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("collapsed-features",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(52)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    inputs = layers.Input((8, 8, 1))
    h = layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Flatten()(h)
    h = layers.Dense(32 if repaired else 1, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
