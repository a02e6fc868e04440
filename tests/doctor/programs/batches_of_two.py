"""Batches of two, "for memory", in a net whose dense layers are batch-normalised.

Humbatova et al. 2020, Training / Hyperparameters (batch size); a frequent question where training and validation
figures do not agree.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("small-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(55)
    (x, y), (xv, yv) = shapes(4, n_train=500)
    x, xv = (x / 255).astype("float32"), (xv / 255).astype("float32")
    train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=55).batch(16 if repaired else 2)
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).batch(100)
    model = keras.Sequential([layers.Input((24, 24, 3))])
    for filters in (12, 24):
        model.add(
            layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")
        )
    model.add(layers.Flatten())
    for units in (48, 24):
        model.add(layers.Dense(units, use_bias=False, kernel_initializer="he_normal"))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=5, callbacks=callbacks, verbose=0)
    return model
