"""An LSTM gets the accelerometer as the raw counts of a 16-bit sensor: values of thousands saturate its gates.

Questions about recurrent networks on raw sensor data; the missing preprocessing of Humbatova et al. 2020.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.signals import gestures

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(308)
    (x, y), (xv, yv) = gestures(length=30, seed=38)
    x, xv = x * 16.384, xv * 16.384  # 16384 counts for 1 g
    if repaired:
        gravity = np.array([0, 0, 16384], "float32")
        x, xv = (x - gravity) / 8192, (xv - gravity) / 8192
    inputs = layers.Input((30, 3))
    h = layers.Bidirectional(layers.LSTM(16))(inputs)
    h = layers.Dense(16, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
