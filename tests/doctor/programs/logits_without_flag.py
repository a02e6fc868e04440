"""The last layer gives raw logits and the loss takes them for probabilities.

UMLAUT's "missing softmax layer before loss", NeuraLint's last-layer rules; a frequent question.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("missing-softmax",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(36)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=repaired)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
