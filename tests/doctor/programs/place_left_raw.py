"""A network of two inputs: the picture is scaled, but height (m) and rain (mm) are joined to its features as they are.

Asked now and then on Stack Overflow about "image plus metadata" models, whose image branch seems to learn nothing.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import leaves

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(402)
    (x, place, y), (xv, place_v, yv) = leaves(seed=2)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    if repaired:
        mean, std = place.mean(0), place.std(0)
        place, place_v = (place - mean) / std, (place_v - mean) / std

    def pipeline(images, rows, labels):
        labels = np.eye(4, dtype="float32")[labels]
        return tf.data.Dataset.from_tensor_slices(({"image": images, "place": rows}, labels))

    train = pipeline(x, place, y).shuffle(len(x), seed=2).batch(32).prefetch(2)
    val = pipeline(xv, place_v, yv).batch(100)
    image = layers.Input((16, 16, 1), name="image")
    rows = layers.Input((2,), name="place")
    h = layers.Conv2D(16, 3, activation="relu")(image)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, activation="relu")(h)
    h = layers.Flatten()(h)
    h = layers.Dense(32, activation="relu")(h)
    h = layers.Concatenate()([h, rows])
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model({"image": image, "place": rows}, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
