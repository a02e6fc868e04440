"""Scratch detector with a single output unit and softmax, which always says 1. Stack Overflow "Keras accuracy stuck at
50 %"; NeuraLint and UMLAUT check for it."""

import keras
from keras import layers

from doctor.toy_data.images import surfaces

CAUSES = ("output-activation", "output-units")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = surfaces()
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            keras.Input((20, 20, 1)),
            layers.Conv2D(16, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(24, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1, activation="sigmoid" if repaired else "softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
