"""Batch normalisation in a dense net trains with batches of a single example, whose deviation from itself is zero.

Humbatova et al. 2020, Training / Hyperparameters (batch size); a frequent question on batch_size=1 and BatchNorm.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("small-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(54)
    (x, y), (xv, yv) = digits(8, n_train=400)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    inputs = layers.Input((64,))
    h = inputs
    for units in (64, 32):
        h = layers.Dense(units, use_bias=False, kernel_initializer="he_normal")(h)
        h = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(h))
    model = keras.Model(inputs, layers.Dense(10)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss, metrics=["accuracy"])
    batch_size = 16 if repaired else 1
    model.fit(x, y, validation_data=(xv, yv), epochs=4, batch_size=batch_size, callbacks=callbacks, verbose=0)
    return model
