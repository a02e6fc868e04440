"""EarlyStopping watches an accuracy with mode='min', so that it ends the fit as soon as the network learns.

Keras API, EarlyStopping.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("stopped-early",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(61)
    (x, y), (xv, yv) = digits(8)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=2, mode="max" if repaired else "min", restore_best_weights=True
    )
    data = (xv / 255, yv)
    model.fit(x / 255, y, batch_size=128, validation_data=data, epochs=12, callbacks=[stop, *callbacks], verbose=0)
    return model
