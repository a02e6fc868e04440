"""Feature maps are brought to channels-first with a wrong permutation and reshaped: rows mix several examples.

Humbatova et al. 2020, Tensors and inputs (wrong shape or axis); the shapes fit, so nothing complains.
"""

import keras
import tensorflow as tf
from keras import layers, ops

from doctor.toy_data.images import shapes

CAUSES = ("mixed-examples",)


class Net(keras.Model):
    def __init__(self, permutation):
        super().__init__()
        self.permutation = permutation
        self.convs = [
            layers.Conv2D(f, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")
            for f in (16, 24)
        ]
        self.hidden = layers.Dense(64, activation="relu", kernel_initializer="he_normal")
        self.out = layers.Dense(4, activation="softmax")

    def call(self, h):
        for conv in self.convs:
            h = conv(h)
        h = ops.transpose(h, self.permutation)
        return self.out(self.hidden(ops.reshape(h, (-1, 6 * 6 * 24))))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(67)
    (x, y), (xv, yv) = shapes(4)
    model = Net((0, 3, 1, 2) if repaired else (3, 0, 1, 2))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = tf.data.Dataset.from_tensor_slices(((x / 255).astype("float32"), y)).shuffle(len(x), seed=67).batch(30)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255).astype("float32"), yv)).batch(30)
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
