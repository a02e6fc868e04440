"""ExponentialDecay multiplies the rate by 0.8 at every step; it was meant per epoch.

Humbatova et al. 2020, Training / Optimiser and Hyperparameters; a frequent question on decay_steps.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("learning-rate-decay",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(75)
    (x, y), (xv, yv) = shapes(4)
    train = tf.data.Dataset.from_tensor_slices(((x / 255).astype("float32"), y)).shuffle(len(x), seed=75).batch(32)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255).astype("float32"), yv)).batch(100)
    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    rate = keras.optimizers.schedules.ExponentialDecay(2e-3, decay_steps=len(train) if repaired else 1, decay_rate=0.8)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
