"""A subclassed model ends in a clipped softmax and the loss is told from_logits=True.

A frequent question on the meaning of from_logits. The clip matters: Keras finds the logits behind a bare softmax and
only warns; behind any other operation it does not.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("softmax-twice",)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal")
        self.pool = layers.MaxPooling2D()
        self.flat = layers.Flatten()
        self.hidden = layers.Dense(32, activation="relu", kernel_initializer="he_normal")
        self.out = layers.Dense(10, activation="softmax")

    def call(self, images):
        h = self.hidden(self.flat(self.pool(self.conv(images))))
        return ops.clip(self.out(h), 1e-6, 1.0)  # "against log(0)"


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(33)
    (x, y), (xv, yv) = digits(16)
    x, xv = x / 255.0, xv / 255.0
    model = Net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not repaired)
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
