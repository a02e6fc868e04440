"""The rate of Dropout is written as the share to keep: 0.9 and 0.95 instead of 0.1 and 0.05.

UMLAUT's "high dropout rate"; the frequent confusion with TensorFlow 1's keep_prob.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("excessive-dropout",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(51)
    (x, y), (xv, yv) = digits(16)
    x, xv = x / 255.0, xv / 255.0
    first, second = (0.1, 0.05) if repaired else (0.9, 0.95)
    model = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Dropout(first),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dropout(second),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
