"""stop_gradient, left from an experiment with a frozen encoder, keeps the convolutions at their random start.

Humbatova et al. 2020, Training / Training process; the kind of question with "gradients do not exist for variables".
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import shapes

CAUSES = ("untrained-variables",)


class Net(keras.Model):
    def __init__(self, stop):
        super().__init__()
        self.stop = stop
        self.convs = [
            layers.Conv2D(f, 3, padding="same", activation="relu", kernel_initializer="he_normal") for f in (16, 32)
        ]
        self.pool = layers.MaxPooling2D()
        self.head = layers.GlobalMaxPooling2D()
        self.out = layers.Dense(6, activation="softmax")

    def call(self, h):
        for conv in self.convs:
            h = self.pool(conv(h))
        h = self.head(h)
        return self.out(ops.stop_gradient(h) if self.stop else h)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(68)
    (x, y), (xv, yv) = shapes(6)
    x, xv = x / 255.0, xv / 255.0
    model = Net(stop=not repaired)
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
