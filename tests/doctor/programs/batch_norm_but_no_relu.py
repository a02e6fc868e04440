"""Blocks of Conv1D, batch norm and average pooling, but the relu between them was left out of the block.

With only linear steps up to the softmax the phase of a wave hides its form. NeuraLint: missing activation.
"""

import keras
from keras import layers

from doctor.toy_data.signals import waves

CAUSES = ("missing-nonlinearity",)


def block(x, filters, relu):
    x = layers.Conv1D(filters, 5, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    if relu:
        x = layers.ReLU()(x)
    return layers.AveragePooling1D(2)(x)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(420)
    (x, y), (xv, yv) = waves(classes=4, n_train=1600, seed=20)
    inputs = layers.Input((48, 1))
    h = inputs
    for filters in (16, 32, 32):
        h = block(h, filters, relu=repaired)
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
