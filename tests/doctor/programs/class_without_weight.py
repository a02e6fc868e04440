"""One class has the weight 0 in class_weight, but validation has it.

Keras API, Model training APIs, fit: class_weight.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("example-weights",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(59)
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
    weights = {c: 1.0 if repaired or c != 9 else 0.0 for c in range(10)}
    data = (xv / 255, yv)
    model.fit(x / 255, y, class_weight=weights, validation_data=data, epochs=4, callbacks=callbacks, verbose=0)
    return model
