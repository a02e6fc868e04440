"""A layer takes the root of a sum of squares, whose gradient at zero is infinite: blank rows give NaN weights.

A frequent question on the gradient of sqrt and norm (siamese nets); DeepLocalize's numerical errors.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("not-finite",)


class RowNorms(layers.Layer):
    """Length of each row of the feature map, beside the features themselves."""

    def __init__(self, epsilon, **options):
        super().__init__(**options)
        self.epsilon = epsilon

    def call(self, h):
        norms = ops.sqrt(ops.sum(ops.square(h), axis=(2, 3)) + self.epsilon)
        return ops.concatenate([ops.reshape(h, (-1, 8 * 8 * 12)), norms], axis=-1)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(81)
    (x, y), (xv, yv) = digits(8)
    x[::40, :3] = 0  # the upper rows of some scans are cut off
    x, xv = x / 255.0, xv / 255.0
    inputs = layers.Input((8, 8, 1))
    h = layers.Conv2D(12, 3, padding="same", activation="relu", kernel_initializer="he_normal")(inputs)
    h = RowNorms(1e-6 if repaired else 0.0)(h)
    h = layers.Dense(48, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(10)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
