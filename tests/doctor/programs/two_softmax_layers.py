"""The last Dense layer has a softmax and a Softmax layer follows: the outputs can never leave a narrow band.

NeuraLint's last-layer rules, DeepLocalize's examples; a frequent question ("softmax applied twice").
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("softmax-twice",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(32)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(10, activation=None if repaired else "softmax"),
            layers.Softmax(),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
