"""The last layer of a classifier has a relu, and crossentropy takes its numbers for probabilities.

DeepFD's activation faults, NeuraLint's last-layer rules; DeepLocalize has such programs.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(40)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    inputs = layers.Input((64,))
    h = inputs
    for units in (64, 32, 10):
        last = units == 10
        activation = "softmax" if last and repaired else "relu"
        h = layers.Dense(units, activation=activation, kernel_initializer="glorot_uniform" if last else "he_normal")(h)
    model = keras.Model(inputs, h)
    model.compile(keras.optimizers.Adam(2e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
