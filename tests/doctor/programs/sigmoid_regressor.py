"""A regressor of pixel positions from 6 to 18 ends in a sigmoid and cannot exceed 1.

NeuraLint's last-layer rules, DeepFD's activation faults; a frequent question ("my regression predicts 1 always").
"""

import keras
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(42)
    (x, y), (xv, yv) = discs()
    inputs = layers.Input((24, 24, 1))
    h = layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 24):
        h = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal")(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(2, activation=None if repaired else "sigmoid")(h))
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y[:, :2], validation_data=(xv, yv[:, :2]), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
