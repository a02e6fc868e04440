"""Strided convolutions follow one another without an activation, as in code carried over from PyTorch modules.

UMLAUT's "missing activation functions", Theia (arXiv:2412.05775), Humbatova et al. 2020, Model / Activation function.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("missing-nonlinearity",)


class Net(keras.Model):
    def __init__(self, activation):
        super().__init__()
        self.convs = [
            layers.Conv2D(f, 3, strides=s, padding="same", activation=activation, kernel_initializer="he_normal")
            for f, s in ((16, 1), (32, 2), (32, 2))
        ]
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(48, activation=activation, kernel_initializer="he_normal")
        self.out = layers.Dense(6)

    def call(self, h):
        for conv in self.convs:
            h = conv(h)
        return self.out(self.hidden(self.flat(h)))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(30)
    (x, y), (xv, yv) = shapes(6)
    train = tf.data.Dataset.from_tensor_slices(((x / 255).astype("float32"), y)).shuffle(len(x), seed=30).batch(32)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255).astype("float32"), yv)).batch(100)
    model = Net("relu" if repaired else None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
