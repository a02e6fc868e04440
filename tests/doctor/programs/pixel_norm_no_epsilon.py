"""A hand-written pixel norm (StyleGAN) divides each feature vector by its length without an epsilon; on the black
ground of the digits the length is 0. NaN from division or sqrt at 0: a classic of GitHub issues."""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("not-finite",)


class PixelNorm(layers.Layer):
    def __init__(self, epsilon):
        super().__init__()
        self.epsilon = epsilon

    def call(self, x):
        return x / ops.sqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + self.epsilon)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((16, 16, 1))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
        h = PixelNorm(1e-3 if repaired else 0.0)(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    small = keras.initializers.RandomNormal(stddev=0.02)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", kernel_initializer=small)(h))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=5, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
