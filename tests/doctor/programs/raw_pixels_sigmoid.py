"""Pixels of 0..255 go unscaled into sigmoid units, which are all saturated from the first batch on.

UMLAUT's "input data exceeds typical limits"; an old and frequent question on MNIST with a sigmoid network.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(24)
    (x, y), (xv, yv) = digits(28)
    x, xv = x.reshape(-1, 784).astype("float32"), xv.reshape(-1, 784).astype("float32")
    if repaired:
        x, xv = x / 255, xv / 255
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    model = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(64, activation="sigmoid"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
