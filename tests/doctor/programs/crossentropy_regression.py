"""A regression of standardised prices is trained with binary crossentropy.

DeepFD's loss faults, Humbatova et al. 2020, Training / Loss function (wrong selection); a frequent question where a
classifier's script is turned to a regression.
"""

import keras
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("wrong-loss",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(48)
    (x, y), (xv, yv) = prices()
    mean, std = y.mean(), y.std()
    y, yv = (y - mean) / std, (yv - mean) / std
    inputs = layers.Input((8,))
    h = layers.Normalization(mean=x.mean(axis=0), variance=x.var(axis=0))(inputs)
    for _ in range(2):
        h = layers.Dense(48, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(2e-3), "mse" if repaired else "binary_crossentropy", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
