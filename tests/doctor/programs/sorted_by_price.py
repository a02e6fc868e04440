"""The table is sorted by its target, the price, and validation_split cuts the most expensive fifth off its end.

Stack Overflow: "validation loss much higher than training loss in a regression" - fit splits before it shuffles.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(409)
    (x, y), _ = prices(n_train=2000, n_val=0, seed=9)
    order = np.argsort(y[:, 0])  # the file's order
    x, y = x[order], y[order]
    if repaired:
        order = np.random.default_rng(9).permutation(len(x))
        x, y = x[order], y[order]
    first = int(0.8 * len(x))  # the part that fit will train on
    x = (x - x[:first].mean(0)) / x[:first].std(0)
    y = (y - y[:first].mean()) / y[:first].std()
    model = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_split=0.2, epochs=10, batch_size=32, callbacks=callbacks, verbose=0)
    return model
