"""Hand-written self-attention gets one pooled vector per image, so q @ k.T compares the images of the batch and each
output is a mix of all of them; repaired: it compares the positions of one image. A typical wrong-axis bug."""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("mixed-examples",)


class Attention(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.q, self.k, self.v = layers.Dense(units), layers.Dense(units), layers.Dense(units)
        self.scale = units**-0.5

    def call(self, x):
        axes = (1, 0) if len(x.shape) == 2 else (0, 2, 1)
        scores = ops.matmul(self.q(x), ops.transpose(self.k(x), axes)) * self.scale
        return ops.matmul(ops.softmax(scores, axis=-1), self.v(x))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((16, 16, 1))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    h = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(h)
    if repaired:
        h = layers.Reshape((16, 24))(h)
        h = Attention(32)(h)
        h = layers.Flatten()(h)
    else:
        h = layers.Flatten()(h)
        h = Attention(32)(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
