"""The logarithm of the pixels is taken to flatten the contrast, and black pixels become minus infinity.

The kind of question where a loss is nan from the first batch although rate and layers look right.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("non-finite-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(2)
    (x, y), (xv, yv) = digits(8)

    def prepare(images):
        images = images.reshape(len(images), -1).astype("float32")
        with np.errstate(divide="ignore"):
            logs = np.log1p(images) if repaired else np.log(images)
        return logs / np.log(256) - 0.5

    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="relu", kernel_initializer="he_uniform"),
            layers.Dense(32, activation="relu", kernel_initializer="he_uniform"),
            layers.Dense(10),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(prepare(x), y, validation_data=(prepare(xv), yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
