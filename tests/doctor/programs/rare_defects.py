"""Of four classes one holds 94 % of the training images and nothing makes up for it.

Humbatova et al. 2020, Training / Training data quality (unbalanced training data); a frequent question, "the network
predicts always the same class".
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("class-imbalance",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(12)
    shares = (0.25, 0.25, 0.25, 0.25) if repaired else (0.94, 0.02, 0.02, 0.02)
    (x, y), (xv, yv) = shapes(4, weights=shares)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
