"""weight_decay=0.9 was meant to multiply the rate by 0.9 now and then; it shrinks all weights in each step instead.

Questions about the argument `decay` gone from the optimizers; too strong regularisation in DeepFD and Humbatova et al.
"""

import keras
from keras import layers

from doctor.toy_data.signals import beats

CAUSES = ("strong-regularization",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(342)
    (x, y), (xv, yv) = beats(seed=72)
    mean, std = x.mean(), x.std()
    x, xv = (x - mean) / std, (xv - mean) / std
    inputs = layers.Input((64, 1))
    h = layers.Conv1D(12, 7, strides=2, activation="relu")(inputs)
    h = layers.Conv1D(16, 5, strides=2, activation="relu")(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    if repaired:
        rate = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=36, decay_rate=0.9)
        optimizer = keras.optimizers.SGD(rate)
    else:
        optimizer = keras.optimizers.SGD(0.05, weight_decay=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=25, callbacks=callbacks, verbose=0)
    return model
