"""Pictures are read in the order of their sorted names (10 before 2), the angles in the table's order of numbers.

Questions about sorted(glob(...)) and a CSV with the targets; wrong assignment of labels in Humbatova et al. 2020.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import dials

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(323)
    (x, y), (xv, yv) = dials(n_train=1000, seed=53)
    names = [f"dial_{number}.png" for number in range(len(x))]
    names.sort(key=(lambda name: int(name[5:-4])) if repaired else None)
    x = np.stack([x[int(name[5:-4])] for name in names])
    x, xv = x / 255.0, xv / 255.0
    inputs = layers.Input((20, 20, 1))
    h = layers.Conv2D(12, 3, strides=2, activation="relu")(inputs)
    h = layers.Conv2D(16, 3, activation="relu")(h)
    h = layers.Flatten()(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(2)(h))
    model.compile(keras.optimizers.Adam(2e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
