"""RandomBrightness keeps its value range of 0..255 behind a rescaling to 0..1 and drowns the images in its offset.

Humbatova et al. 2020, Training / Preprocessing (augmentation); the kind of question where augmentation stops learning.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("strong-augmentation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(82)
    (x, y), (xv, yv) = shapes(4)
    value_range = (0, 1) if repaired else (0, 255)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomBrightness(0.1, value_range=value_range),
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
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
