"""A layer rounds the hidden units to a binary code; round has no gradient, so nothing before it trains.

Humbatova et al. 2020, Training / Training process; the kind of question with "gradients do not exist for variables".
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("untrained-variables",)


class Binary(layers.Layer):
    def __init__(self, straight_through, **options):
        super().__init__(**options)
        self.straight_through = straight_through

    def call(self, h):
        code = ops.round(h)
        return h + ops.stop_gradient(code - h) if self.straight_through else code


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(69)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 127.5 - 1, xv.reshape(-1, 64) / 127.5 - 1
    inputs = layers.Input((64,))
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(12, activation="sigmoid")(h)
    h = Binary(straight_through=repaired)(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
