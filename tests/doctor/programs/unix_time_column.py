"""A column with the time of the application in seconds since 1970 was added after the others had been standardised.

AutoTrainer, DeepLocalize and UMLAUT treat unscaled inputs; questions about loss in the millions after adding a date.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import loans

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(307)
    (x, y), (xv, yv) = loans(seed=37)
    rng = np.random.default_rng(37)
    x[:, 1:3], xv[:, 1:3] = np.log(x[:, 1:3]), np.log(xv[:, 1:3])
    x, xv = ((a - x.mean(0)) / x.std(0) for a in (x, xv))
    seconds, seconds_val = (rng.uniform(1.55e9, 1.70e9, len(a)).astype("float32") for a in (x, xv))
    if repaired:
        seconds, seconds_val = (seconds - 1.625e9) / 4.3e7, (seconds_val - 1.625e9) / 4.3e7
    x, xv = np.c_[x, seconds], np.c_[xv, seconds_val]
    model = keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
