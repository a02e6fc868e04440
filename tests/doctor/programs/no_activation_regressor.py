"""A regressor on a curved function has no activation anywhere and fits the best plane.

UMLAUT's "missing activation functions", NeuraLint, Humbatova et al. 2020, Model / Activation function.
"""

import keras
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("missing-nonlinearity",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(31)
    (x, y), (xv, yv) = rings(4)
    y, yv = ((p**2).sum(axis=1, keepdims=True) / 3 - 1 for p in (x, xv))  # height of a bowl
    inputs = layers.Input((2,))
    h = inputs
    for _ in range(2):
        h = layers.Dense(48, activation="relu" if repaired else "linear", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.RMSprop(1e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
