"""Sixteen residual blocks without any normalisation: each adds to the size of its input, and it grows a thousandfold.

Exploding activations in own residual networks; AutoTrainer, DeepLocalize and NeuraLint look for such growth.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("exploding-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(338)
    (x, y), (xv, yv) = digits(8, seed=68)
    x, xv = x / 127.5 - 1, xv / 127.5 - 1
    inputs = layers.Input((8, 8, 1))
    h = layers.Conv2D(8, 3, padding="same", kernel_initializer="he_normal")(inputs)
    for block in range(16):
        branch = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(h) if repaired else h)
        branch = layers.Conv2D(8, 3, padding="same", kernel_initializer="he_normal")(branch)
        h = layers.Add()([h, branch])
        if block == 8:
            h = layers.MaxPooling2D()(h)
    if repaired:
        h = layers.BatchNormalization(momentum=0.9)(h)
    h = layers.Flatten()(layers.Activation("relu")(h))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
