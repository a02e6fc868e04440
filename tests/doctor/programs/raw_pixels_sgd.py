"""Pixels of 0..255 go unscaled into a convolutional net trained by SGD.

UMLAUT's "input data exceeds typical limits"; Humbatova et al. 2020, Training / Preprocessing (missing normalisation).
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(23)
    train, val = shapes(4)
    factor = 255.0 if repaired else 1.0

    def load(image, label):
        return tf.cast(image, tf.float32) / factor, label

    train = tf.data.Dataset.from_tensor_slices(train).map(load).shuffle(900, seed=23).batch(32)
    val = tf.data.Dataset.from_tensor_slices(val).map(load).batch(100)

    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
