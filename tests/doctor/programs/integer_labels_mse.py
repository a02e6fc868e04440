"""Mean squared error compares ten softmax outputs with a class number of shape (n, 1), which is broadcast.

DeepFD's loss faults, DeepLocalize's example of mse in a classifier; labels of CIFAR come in just this shape.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

# Either change repairs it: one-hot labels for this loss (done below), or a loss made for class numbers.
CAUSES = ("label-encoding", "wrong-loss")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(10)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    if repaired:
        y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    else:
        y, yv = y[:, None], yv[:, None]
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(96, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "mse", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
