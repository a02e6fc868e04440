"""A softmax written out by hand sums over axis 0, that is over the examples of the batch.

Humbatova et al. 2020, Tensors and inputs (wrong axis); a frequent slip when NumPy code is carried over. It shows
where the batches are others than in training: alone, an image scores 1 in every class.
"""

import keras
import tensorflow as tf
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("mixed-examples",)


class Net(keras.Model):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis
        self.conv = layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal")
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(48, activation="relu", kernel_initializer="he_normal")
        self.out = layers.Dense(10)

    def call(self, images):
        logits = self.out(self.hidden(self.flat(self.conv(images))))
        exp = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True))
        return exp / ops.sum(exp, axis=self.axis, keepdims=True)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(66)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, (xv / 255).astype("float32")
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).batch(1)  # one at a time, as they will come in use
    model = Net(axis=-1 if repaired else 0)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    model.fit(x, y, validation_data=val, epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
