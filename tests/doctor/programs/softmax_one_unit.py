"""A binary classifier has a softmax over a single unit, which is 1 whatever the input.

NeuraLint's last-layer rules, DeepLocalize's and DeepFD's examples; a very frequent question. Keras finds the logit
behind the softmax, so the loss falls all the same: only the predictions, and with them the accuracy, are useless.
"""

import keras
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(39)
    (x, y), (xv, yv) = cells()
    mean, std = x.mean(axis=0), x.std(axis=0)
    x, xv = (x - mean) / std, (xv - mean) / std
    model = keras.Sequential(
        [
            layers.Input((30,)),
            layers.Dense(24, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(12, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1, activation="sigmoid" if repaired else "softmax"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=16, callbacks=callbacks, verbose=0)
    return model
