"""Amounts are fitted with the cosine similarity as loss: it only sees their proportions, never their size.

Wrong loss function for the task (Humbatova et al. 2020, DeepFD); questions where predictions have "the wrong scale".
"""

import keras
from keras import layers

from doctor.toy_data.signals import spectra

CAUSES = ("wrong-loss",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(310)
    (x, y), (xv, yv) = spectra(seed=40)
    x, xv = (x - x.mean(0)) / x.std(0), (xv - x.mean(0)) / x.std(0)
    inputs = layers.Input((48,))
    h = layers.Dense(32, activation="relu")(inputs)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(3)(h))
    loss = keras.losses.Huber() if repaired else keras.losses.CosineSimilarity()
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
