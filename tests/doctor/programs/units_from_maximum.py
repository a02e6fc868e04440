"""The output layer gets y.max() units, which is 9 for the digits 0 to 9: the nines have no output.

Stack Overflow: "Received a label value of 9 which is outside the valid range of [0, 9)"; NaN where nothing checks it.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("output-units", "label-out-of-range")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(416)
    (x, y), (xv, yv) = digits(12, seed=16)
    classes = int(y.max()) + (1 if repaired else 0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(96, activation="relu"),
            layers.Dense(48, activation="relu"),
            layers.Dense(classes),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"], jit_compile=True)
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
