"""A custom convolution keeps its kernel in a plain tf.Variable, which Keras 3 does not track, so the optimiser never
gets it. Noted in the Keras 3 migration guide and its issues; repaired: add_weight."""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("untrained-variables", "frozen-layers")


class MyConv(layers.Layer):
    def __init__(self, filters, repaired, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.repaired = filters, repaired

    def build(self, shape):
        size = (3, 3, shape[-1], self.filters)
        if self.repaired:
            self.kernel = self.add_weight(shape=size, initializer="he_normal", name="kernel")
        else:
            self.kernel = tf.Variable(keras.initializers.HeNormal(seed=self.filters)(size), trainable=True)

    def call(self, x):
        return tf.nn.relu(tf.nn.conv2d(x, tf.convert_to_tensor(self.kernel), strides=2, padding="SAME"))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = textures(classes=6, n_train=1100)
    x, xv = x.astype("float32") / 255 - 0.5, xv.astype("float32") / 255 - 0.5
    inputs = keras.Input((16, 16, 3))
    h = MyConv(12, repaired)(inputs)
    h = MyConv(16, repaired)(h)
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=10, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
