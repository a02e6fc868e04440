"""The training images are brought to -1..1 in the pipeline, the validation images are not.

Humbatova et al. 2020, Training / Validation and testing (different preprocessing); a frequent question.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("unscaled-evaluation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(21)
    train, val = shapes(4)

    def scale(image, label):
        return tf.cast(image, tf.float32) / 127.5 - 1, label

    train = tf.data.Dataset.from_tensor_slices(train).map(scale).shuffle(900, seed=21).batch(32)
    val = tf.data.Dataset.from_tensor_slices(val)
    if repaired:
        val = val.map(scale)

    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(train, validation_data=val.batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
