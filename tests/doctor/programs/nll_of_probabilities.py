"""Ported from PyTorch: the loss applies log_softmax and takes the negative likelihood, but the model has a softmax too.

The known mix-up of NLLLoss and CrossEntropyLoss; the loss cannot fall below 1.46 for ten classes.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("softmax-twice",)


def negative_likelihood(y_true, y_pred):
    log_p = ops.log_softmax(y_pred, axis=-1)
    hot = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 10)
    return -ops.sum(hot * log_p, axis=-1)


class Net(keras.Model):
    def __init__(self, last):
        super().__init__()
        self.conv1 = layers.Conv2D(10, 5, activation="relu")
        self.pool = layers.MaxPooling2D()
        self.conv2 = layers.Conv2D(20, 3, activation="relu")
        self.flatten = layers.Flatten()
        self.fc1 = layers.Dense(50, activation="relu")
        self.fc2 = layers.Dense(10, activation=last)

    def call(self, x):
        x = self.conv2(self.pool(self.conv1(x)))
        return self.fc2(self.fc1(self.flatten(x)))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(417)
    (x, y), (xv, yv) = digits(16, seed=17)
    x, xv = (x.astype("float32") / 255 - 0.5) / 0.5, (xv.astype("float32") / 255 - 0.5) / 0.5
    model = Net(None if repaired else "softmax")
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
    model.compile(optimizer, negative_likelihood, metrics=["sparse_categorical_accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
