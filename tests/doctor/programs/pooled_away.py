"""Average pooling of 8 right after the image shrinks 24x24 to 3x3 before anything was looked at.

NeuraLint's rule on too much downsampling, Theia (arXiv:2412.05775), Humbatova et al. 2020, Model / Layer properties.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("collapsed-features",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(53)
    (x, y), (xv, yv) = shapes(6)
    pool = 2 if repaired else 8
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.AveragePooling2D(pool, padding="same"),
            layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.AveragePooling2D(pool, padding="same"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(6, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
