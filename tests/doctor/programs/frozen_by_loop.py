"""A loop meant for a pretrained model sets trainable = False on all layers but the last of a fresh one.

The kind of question where summary() shows a handful of trainable weights; Humbatova et al. 2020, Model / Layers.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("frozen-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(50)
    train, val = rings(4)
    model = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(4),
        ]
    )
    if not repaired:
        for layer in model.layers[:-1]:
            layer.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    train = tf.data.Dataset.from_tensor_slices(train).shuffle(900, seed=50).batch(32)
    val = tf.data.Dataset.from_tensor_slices(val).batch(100)
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
