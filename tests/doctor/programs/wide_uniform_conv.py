"""Convolutions start from weights uniform in -1..1 whatever their fan-in.

Humbatova et al. 2020, Training / Hyperparameters (wrong initialisation); AutoTrainer's exploding gradient.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("exploding-signal",)


class Net(keras.Model):
    def __init__(self, init):
        super().__init__()
        self.convs = [
            layers.Conv2D(f, 3, strides=2, padding="same", activation="relu", kernel_initializer=init())
            for f in (16, 32, 64)
        ]
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(64, activation="relu", kernel_initializer=init())
        self.out = layers.Dense(4)

    def call(self, h):
        for conv in self.convs:
            h = conv(h)
        return self.out(self.hidden(self.flat(h)))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(61)
    (x, y), (xv, yv) = shapes(4)
    x, xv = x / 127.5 - 1, xv / 127.5 - 1
    model = Net(keras.initializers.HeNormal if repaired else lambda: keras.initializers.RandomUniform(-1, 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
