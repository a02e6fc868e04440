"""A fair-sized network is trained on 84 pictures of six shapes and learns them by heart. "Too little training data":
Humbatova et al.; repaired: the whole collection."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("overfitting",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=6, n_train=600)
    if not repaired:
        x, y = x[:84], y[:84]
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(96, activation="relu"),
            layers.Dense(6, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=16, epochs=12, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
