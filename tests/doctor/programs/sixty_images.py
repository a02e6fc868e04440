"""A net of 300000 weights is trained on sixty images until it knows them by heart.

UMLAUT's "overfitting", Humbatova et al. 2020, Training / Training data quality (not enough data).
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("overfitting",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(83)
    (x, y), (xv, yv) = shapes(6, n_train=900 if repaired else 60)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(256, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(6, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=15, batch_size=32, callbacks=callbacks, verbose=0)
    return model
