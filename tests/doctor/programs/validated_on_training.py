"""The validation images are a slice of the training images.

UMLAUT's check for validation data in the training set; Humbatova et al. 2020, Training / Validation and testing. The
figures look better than the truth: the repaired twin's lower validation figures are the right ones.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("leaked-validation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(17)
    (x, y), held_out = shapes(6)
    xv, yv = held_out if repaired else (x[:300], y[:300])

    def pipeline(images, labels):
        return tf.data.Dataset.from_tensor_slices(((images / 127.5 - 1).astype("float32"), labels))

    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = pipeline(x, y).shuffle(len(x), seed=17).batch(32)
    model.fit(train, validation_data=pipeline(xv, yv).batch(100), epochs=7, callbacks=callbacks, verbose=0)
    return model
