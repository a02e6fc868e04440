"""A callback sets trainable = True after the head has learned; without compile the step goes on as it was traced.

tensorflow/tensorflow#47906; Keras guides, Transfer learning & fine-tuning.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("not-recompiled",)


class Unfreeze(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            for layer in self.model.layers:
                layer.trainable = True


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(51)
    train, val = rings(4)
    model = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train = tf.data.Dataset.from_tensor_slices(train).shuffle(900, seed=51).batch(32)
    val = tf.data.Dataset.from_tensor_slices(val).batch(100)
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    if not repaired:
        model.fit(train, validation_data=val, epochs=8, callbacks=[Unfreeze(), *callbacks], verbose=0)
        return model
    model.fit(train, epochs=2, verbose=0)
    for layer in model.layers:
        layer.trainable = True
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
