"""MLP on digits standardised pixel by pixel; border pixels never change, so their deviation is 0 and 0/0 gives NaN.
Stack Overflow: "loss is nan from the first epoch after normalising MNIST"."""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("non-finite-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits()
    x = x.reshape(len(x), -1).astype("float32") / 255
    xv = xv.reshape(len(xv), -1).astype("float32") / 255
    mean, std = x.mean(axis=0), x.std(axis=0)
    if repaired:
        std = np.maximum(std, 0.1)
    with np.errstate(all="ignore"):
        x, xv = (x - mean) / std, (xv - mean) / std
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
