"""Adam runs with a rate of 1e-7 in a regressor: after all epochs the weights are where they began.

AutoTrainer's slow convergence, UMLAUT's "learning rate too low", DeepFD and Humbatova et al. 2020.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("learning-rate-low",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(74)
    (x, y), (xv, yv) = prices()
    mean, std = y.mean(), y.std()
    x, xv = (x - 0.5) * 3.4, (xv - 0.5) * 3.4
    train = tf.data.Dataset.from_tensor_slices((x, (y - mean) / std)).shuffle(len(x), seed=74).batch(32)
    val = tf.data.Dataset.from_tensor_slices((xv, (yv - mean) / std)).batch(100)
    inputs = layers.Input((8,))
    h = inputs
    for _ in range(2):
        h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(3e-3 if repaired else 1e-7), "mse", metrics=["mae"])
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
