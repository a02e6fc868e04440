"""Pictures with any number of tags get a softmax: the answers share one, so that no two tags can both be sure.

The most frequent mistake in questions about multi-label classification; NeuraLint and UMLAUT check the last activation.
"""

import keras
from keras import layers

from doctor.toy_data.images import tags

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(313)
    (x, y), (xv, yv) = tags(n_train=1000, seed=43)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((20, 20, 1)),
            layers.Conv2D(16, 5, activation="relu"),
            layers.Conv2D(24, 5, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(5, activation="sigmoid" if repaired else "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["binary_accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=25, callbacks=callbacks, verbose=0)
    return model
