"""Standardised prices are fitted with the mean absolute percentage error, which divides by targets near zero.

Stack Overflow and Keras issues on a MAPE of thousands; the safest answer under this loss is next to nothing.
"""

import keras
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("wrong-loss",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(404)
    (x, y), (xv, yv) = prices(n_train=1800, seed=4)
    mean, std = x.mean(0), x.std(0)
    x, xv = (x - mean) / std, (xv - mean) / std
    mean, std = y.mean(), y.std()
    y, yv = (y - mean) / std, (yv - mean) / std
    inputs = layers.Input((8,))
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    loss = "mean_squared_error" if repaired else "mean_absolute_percentage_error"
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["mae", "r2_score"])
    model.fit(x, y, validation_data=(xv, yv), epochs=10, batch_size=32, callbacks=callbacks, verbose=0)
    return model
