"""Weights are drawn from a normal distribution of deviation 1, so the activations grow at every dense layer.

Humbatova et al. 2020, Training / Hyperparameters (wrong initialisation), DeepLocalize; from-scratch tutorials do it.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("exploding-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(60)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    inputs = layers.Input((64,))
    h = inputs
    for units in (128, 128, 64, 64):
        init = "he_normal" if repaired else keras.initializers.RandomNormal(stddev=1.0)
        h = layers.Dense(units, activation="relu", kernel_initializer=init)(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
