"""Dropout of 0.6 follows each of five narrow layers: hardly anything of the input gets through in training.

Too much dropout (UMLAUT, DeepFD, Humbatova et al. 2020); questions "accuracy stuck since I added dropout everywhere".
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("excessive-dropout",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(336)
    (x, y), (xv, yv) = digits(8, seed=66)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(5):
        model.add(layers.Dense(24, activation="relu"))
        if not repaired:
            model.add(layers.Dropout(0.6))
    if repaired:
        model.add(layers.Dropout(0.1))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
