"""ReduceLROnPlateau watches the accuracy with mode="min": every better epoch counts as a bad one and lowers the rate.

Copied from a version that watched the loss; questions "ReduceLROnPlateau reduces although val_accuracy improves".
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("learning-rate-decay",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(306)
    (x, y), (xv, yv) = shapes(5, seed=36)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(0.004, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    slower = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", mode="max" if repaired else "min", factor=0.1, patience=2
    )
    model.fit(x, y, validation_data=(xv, yv), epochs=12, batch_size=32, callbacks=[*callbacks, slower], verbose=0)
    return model
