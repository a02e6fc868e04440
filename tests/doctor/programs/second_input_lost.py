"""Two branches should be joined, but the first is joined with itself: the weight of the parcel is never looked at.

A copy-and-paste slip in models with several inputs; Keras does not mind an input that leads nowhere.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import parcels

CAUSES = ("bypassed-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(331)
    (x, w, y), (xv, wv, yv) = parcels(seed=61)
    x, xv = x / 255.0, xv / 255.0
    w, wv = np.log(w), np.log(wv)
    w, wv = (w - w.mean()) / w.std(), (wv - w.mean()) / w.std()
    picture = layers.Input((16, 16, 1), name="picture")
    weight = layers.Input((1,), name="weight")
    a = layers.Conv2D(8, 3, activation="relu")(picture)
    a = layers.MaxPooling2D()(a)
    a = layers.Conv2D(12, 3, activation="relu")(a)
    a = layers.Dense(16, activation="relu")(layers.Flatten()(a))
    b = layers.Dense(16, activation="relu")(weight)
    h = layers.Concatenate()([a, b] if repaired else [a, a])
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model([picture, weight], layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        {"picture": x, "weight": w},
        y,
        validation_data=({"picture": xv, "weight": wv}, yv),
        epochs=8,
        batch_size=32,
        callbacks=callbacks,
        verbose=0,
    )
    return model
