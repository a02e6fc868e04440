"""Columns of a table with values from 0.001 to 4000 go unscaled into a dense net.

Humbatova et al. 2020, Training / Preprocessing (missing normalisation); frequent question on the breast cancer table.
"""

import keras
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(25)
    (x, y), (xv, yv) = cells()
    if repaired:
        mean, std = x.mean(axis=0), x.std(axis=0)
        x, xv = (x - mean) / std, (xv - mean) / std

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = [layers.Dense(n, activation="tanh") for n in (32, 16)]
            self.out = layers.Dense(1, activation="sigmoid")

        def call(self, h):
            for layer in self.hidden:
                h = layer(h)
            return self.out(h)

    model = Net()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=16, callbacks=callbacks, verbose=0)
    return model
