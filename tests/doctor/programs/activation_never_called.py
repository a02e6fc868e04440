"""The subclassed model makes an activation in its constructor and forgets it in call: three linear layers in a row.

Missing activation (Humbatova et al. 2020, NeuraLint, DeepFD, UMLAUT's "no nonlinear activation").
"""

import keras
from keras import layers

from doctor.toy_data.tables import spirals

CAUSES = ("missing-nonlinearity",)


class Net(keras.Model):
    def __init__(self, repaired):
        super().__init__()
        self.repaired = repaired
        self.one = layers.Dense(48)
        self.two = layers.Dense(48)
        self.act = layers.LeakyReLU(negative_slope=0.1)
        self.head = layers.Dense(1, activation="sigmoid")

    def call(self, x):
        if self.repaired:
            return self.head(self.act(self.two(self.act(self.one(x)))))
        return self.head(self.two(self.one(x)))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(344)
    (x, y), (xv, yv) = spirals(2, turns=1.25, noise=0.08, seed=74)
    model = Net(repaired)
    model.compile(keras.optimizers.Adam(1e-2), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=12, batch_size=25, callbacks=callbacks, verbose=0)
    return model
