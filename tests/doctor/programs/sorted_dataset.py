"""A tf.data pipeline reads files folder by folder and is never shuffled: every batch holds one class.

A frequent question: fit shuffles arrays but leaves a dataset as it is. Humbatova et al. 2020, Training / Training
process.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(18)
    (x, y), (xv, yv) = digits(16)
    folders = np.argsort(y, kind="stable")
    train = tf.data.Dataset.from_tensor_slices((x[folders], y[folders]))
    if repaired:
        train = train.shuffle(len(x), seed=18)
    scale = layers.Rescaling(1 / 255)
    train = train.batch(32).map(lambda images, labels: (scale(images), labels))
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).batch(100).map(lambda images, labels: (scale(images), labels))

    model = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=5, callbacks=callbacks, verbose=0)
    return model
