"""An autoencoder of standardised spectra ends in a sigmoid, which cannot give anything below zero or above one.

Taken from the Keras blog's autoencoder for pixels in 0..1; questions where "the autoencoder only outputs positives".
"""

import keras
from keras import layers

from doctor.toy_data.signals import spectra

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(314)
    (x, _), (xv, _) = spectra(seed=44)
    mean, std = x.mean(0), x.std(0)
    x, xv = (x - mean) / std, (xv - mean) / std
    inputs = layers.Input((48,))
    h = layers.Dense(32, activation="relu")(inputs)
    h = layers.Dense(6)(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(48, activation="linear" if repaired else "sigmoid")(h))
    model.compile(keras.optimizers.Adam(3e-3), "mse", metrics=["mae"])
    model.fit(x, x, validation_data=(xv, xv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
