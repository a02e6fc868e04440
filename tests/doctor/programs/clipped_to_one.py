"""The images are clipped to 0..1, as a plotting warning asked for, before they are divided by 255: all become the same.

Every pixel of one or more turns into 1. Wrong order of preprocessing steps, see Humbatova et al. 2020.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("constant-input",)


def prepare(images, repaired):
    images = images.astype("float32")
    if repaired:
        return np.clip(images / 255, 0, 1)
    return np.clip(images, 0, 1) / 255


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(434)
    (x, y), (xv, yv) = textures(classes=3, seed=34)
    x, xv = prepare(x, repaired), prepare(xv, repaired)
    y, yv = keras.utils.to_categorical(y, 3), keras.utils.to_categorical(yv, 3)
    inputs = layers.Input((16, 16, 3))
    h = layers.Conv2D(12, 3, padding="same")(inputs)
    h = layers.BatchNormalization(momentum=0.9)(h)
    h = layers.ReLU()(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(16, 3, activation="relu")(h)
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(5e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
