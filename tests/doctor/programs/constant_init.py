"""A layer written by hand fills its kernel with one constant, so all of its units stay copies of each other.

NeuraLint's rule on symmetric initialisation; the kind of question where a wide layer acts like a single unit.
"""

import keras
from keras import layers, ops

from doctor.toy_data.tables import rings

CAUSES = ("symmetric-init",)


class Linear(layers.Layer):
    def __init__(self, units, init, **options):
        super().__init__(**options)
        self.units, self.init = units, init

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), initializer=self.init, name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, h):
        return ops.tanh(ops.matmul(h, self.w) + self.b)


class Net(keras.Model):
    def __init__(self, init):
        super().__init__()
        self.first, self.second = Linear(48, init), Linear(48, init)
        self.out = layers.Dense(4)

    def call(self, h):
        return self.out(self.second(self.first(h)))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(63)
    (x, y), (xv, yv) = rings(4)
    model = Net("glorot_uniform" if repaired else keras.initializers.Constant(0.1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
