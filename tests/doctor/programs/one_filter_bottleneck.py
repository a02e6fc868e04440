"""Inception-like network; the 1x1 convolution that should reduce the channels to 16 has 1 filter (strides and filters
mixed up), so global pooling leaves one number per image. Wrong filter count: Humbatova et al."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("collapsed-features",)


def inception(h, n):
    a = layers.Conv2D(n, 1, padding="same", activation="relu")(h)
    b = layers.Conv2D(n, 3, padding="same", activation="relu")(h)
    c = layers.Conv2D(n, 5, padding="same", activation="relu")(h)
    return layers.Concatenate()([a, b, c])


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((16, 16, 1))
    h = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu")(inputs)
    h = inception(h, 8)
    h = inception(h, 8)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32 if repaired else 1, 1)(h)
    h = layers.GlobalAveragePooling2D()(h)
    h = layers.Dense(64, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
