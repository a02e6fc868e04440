"""PiecewiseConstantDecay gets its boundaries in epochs, 4 and 6, but counts steps: it is at 1e-5 after seven batches.

Keras issues and Stack Overflow on schedules that "do not work": every schedule object counts optimizer steps.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-decay",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(432)
    (x, y), (xv, yv) = digits(12, n_train=1280, seed=32)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    steps = len(x) // 32 if repaired else 1
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([4 * steps, 6 * steps], [1e-2, 1e-3, 1e-5])
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Conv2D(12, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
