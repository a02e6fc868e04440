"""A base that was trained on pixels from 0 to 255 is frozen, and its new classifier is trained on pixels from 0 to 1.
The networks of keras.applications invite it: some scale pixels themselves, others come with a `preprocess_input`."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("wrong-preprocessing",)


def base_of(x, y):
    """The layers before the classifier of a network for the first five digits."""
    base = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    model = keras.Sequential([base, layers.Dense(5, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=6, verbose=0)
    return base


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits()
    base = base_of(x[y < 5], y[y < 5])
    base.trainable = False
    if not repaired:
        x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential([base, layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
