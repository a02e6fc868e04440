"""Categorical crossentropy over a single sigmoid unit: normalised over one class it is 0 whatever the output.

A frequent question ("loss is 0 and accuracy does not move"); DeepFD's loss faults, NeuraLint's last-layer rules.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("wrong-loss",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(47)
    (x, y), (xv, yv) = shapes(2)
    x, xv = x / 255.0, xv / 255.0
    y, yv = y[:, None].astype("float32"), yv[:, None].astype("float32")
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(24, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy" if repaired else "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
