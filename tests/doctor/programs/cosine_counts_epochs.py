"""CosineDecay gets the number of epochs as decay_steps and is at zero after the first eight batches.

Humbatova et al. 2020, Training / Optimiser and Hyperparameters; a frequent question on decay_steps.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-decay",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(76)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    epochs, steps_per_epoch = 8, -(-len(x) // 32)
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.05, decay_steps=epochs * (steps_per_epoch if repaired else 1))
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=epochs, batch_size=32, callbacks=callbacks, verbose=0)
    return model
