"""The blocks are plain Python objects, not Keras layers: the model does not find their weights and never trains them.

Questions about "trainable_variables is empty" in subclassed models with helper classes; untracked layers in issues.
"""

import keras
from keras import layers

from doctor.toy_data.images import arrows

CAUSES = ("untrained-variables",)


class Block:
    def __init__(self, filters):
        self.conv = layers.Conv2D(filters, 3, activation="relu")
        self.pool = layers.MaxPooling2D()

    def __call__(self, x):
        return self.pool(self.conv(x))


class LayerBlock(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, activation="relu")
        self.pool = layers.MaxPooling2D()

    def call(self, x):
        return self.pool(self.conv(x))


class Net(keras.Model):
    def __init__(self, block):
        super().__init__()
        self.one, self.two = block(8), block(12)
        self.flatten = layers.Flatten()
        self.small = layers.Dense(8, activation="relu")
        self.head = layers.Dense(4, activation="softmax")

    def call(self, x):
        return self.head(self.small(keras.ops.max(self.two(self.one(x)), axis=(1, 2))))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(334)
    (x, y), (xv, yv) = arrows(n_train=1000, seed=64)
    x, xv = x / 255.0, xv / 255.0
    model = Net(LayerBlock if repaired else Block)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=25, callbacks=callbacks, verbose=0)
    return model
