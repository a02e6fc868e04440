"""The schedule multiplies the rate it is given by 0.95 ** epoch, not the first rate: the factors multiply up.

Exponential decay of many tutorials with `lr` in place of the first rate; questions about LearningRateScheduler.
"""

import keras
from keras import layers

from doctor.toy_data.tables import spirals

CAUSES = ("learning-rate-decay",)
FIRST = 0.04


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(305)

    def schedule(epoch, rate):
        return (FIRST if repaired else rate) * 0.95**epoch

    (x, y), (xv, yv) = spirals(3, seed=35)
    model = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(FIRST), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y,
        validation_data=(xv, yv),
        epochs=30,
        batch_size=20,
        callbacks=[*callbacks, keras.callbacks.LearningRateScheduler(schedule)],
        verbose=0,
    )
    return model
