"""Prices are standardised (half of them negative), but the last layer keeps the relu of the others, as "a price is
never negative". Wrong output activation of a regressor: Humbatova et al., Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = prices()
    mean, std = y.mean(), y.std()
    y, yv = (y - mean) / std, (yv - mean) / std
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(48, activation="relu"),
            layers.Dense(24, activation="relu"),
            layers.Dense(1, activation=None if repaired else "relu"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=32, epochs=10, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
