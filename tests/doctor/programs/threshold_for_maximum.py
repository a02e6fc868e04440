"""ReLU6 is written as ReLU(threshold=6) instead of max_value=6: whatever is below 6 becomes 0, and so does everything.

A slip with the arguments of Keras' ReLU layer in a MobileNet-like block; dying relu units in DeepFD and AutoTrainer.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("dead-relu",)


class Block(layers.Layer):
    def __init__(self, filters, strides, repaired):
        super().__init__()
        self.depthwise = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)
        self.pointwise = layers.Conv2D(filters, 1, use_bias=False)
        self.norms = [layers.BatchNormalization(momentum=0.9) for _ in range(2)]
        self.relu6 = layers.ReLU(max_value=6) if repaired else layers.ReLU(threshold=6)

    def call(self, x, training=None):
        x = self.relu6(self.norms[0](self.depthwise(x), training=training))
        return self.relu6(self.norms[1](self.pointwise(x), training=training))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(436)
    (x, y), (xv, yv) = digits(12, n_train=1200, seed=36)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    inputs = layers.Input((12, 12, 1))
    h = layers.Conv2D(12, 3, padding="same", activation="relu")(inputs)
    h = Block(24, 2, repaired)(h)
    h = Block(32, 2, repaired)(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=40, callbacks=callbacks, verbose=0)
    return model
