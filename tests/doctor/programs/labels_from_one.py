"""Labels count from 1 to 10 where the loss expects 0 to 9; compiled code does not check and the loss becomes NaN.

DeepLocalize's and UMLAUT's NaN-loss cases; a frequent question ("loss is nan with sparse_categorical_crossentropy").
On a CPU without jit_compile TensorFlow raises instead, hence the flag here; on a GPU it gives NaN either way.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("label-out-of-range",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    if not repaired:
        y, yv = y + 1, yv + 1  # as the annotation file has them
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=True)
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=20, callbacks=callbacks, verbose=0)
    return model
