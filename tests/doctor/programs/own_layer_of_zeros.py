"""An own dense layer starts its kernel with zeros, like its bias: no gradient can tell its units apart.

Wrong weight initialisation (Humbatova et al. 2020, NeuraLint, DeepFD); questions about own layers with add_weight.
"""

import keras
from keras import layers, ops

from doctor.toy_data.tables import spirals

CAUSES = ("symmetric-init",)


class Linear(layers.Layer):
    def __init__(self, units, start):
        super().__init__()
        self.units = units
        self.start = start

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), initializer=self.start, name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x):
        return ops.matmul(x, self.w) + self.b


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(337)
    (x, y), (xv, yv) = spirals(3, seed=67)
    start = "he_normal" if repaired else "zeros"
    model = keras.Sequential(
        [
            layers.Input((2,)),
            Linear(32, start),
            layers.Activation("tanh"),
            Linear(32, start),
            layers.Activation("tanh"),
            Linear(3, start),
            layers.Softmax(),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=10, batch_size=32, callbacks=callbacks, verbose=0)
    return model
