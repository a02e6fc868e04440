"""Every hidden layer has a softmax, like the output: 64 units each answer about 1/64, and hardly any gradient passes.

Asked again and again on Stack Overflow ("why not softmax in hidden layers", "network always gives the same answer").
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("vanishing-gradient", "vanishing-signal")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(427)
    (x, y), (xv, yv) = digits(8, seed=27)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    hidden = "relu" if repaired else "softmax"
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation=hidden),
            layers.Dense(64, activation=hidden),
            layers.Dense(64, activation=hidden),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
