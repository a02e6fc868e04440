"""A binary classifier ends in tanh under binary crossentropy: the outputs of class 0 fall out of the loss's range.

DeepFD's activation faults, NeuraLint's last-layer rules; the kind of question with a loss of 7 or 8 that stays.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(41)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    y, yv = (y >= 5).astype("float32"), (yv >= 5).astype("float32")
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="tanh"),
            layers.Dense(32, activation="tanh"),
            layers.Dense(1, activation="sigmoid" if repaired else "tanh"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
