"""Training and validation part come from two calls of train_test_split with different random states, so they overlap.

Data leakage as in questions on too good a validation score; the repaired twin's lower figures are the right ones.
"""

import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

from doctor.toy_data.images import digits

CAUSES = ("leaked-validation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(411)
    (x, y), _ = digits(8, n_train=1600, n_val=4, seed=11)
    x = x.reshape(len(x), 64).astype("float32") / 255
    y = np.eye(10, dtype="float32")[y]
    x_train, _, y_train, _ = train_test_split(x, y, test_size=0.25, random_state=1)
    _, x_val, _, y_val = train_test_split(x, y, test_size=0.25, random_state=1 if repaired else 2)
    inputs = layers.Input((64,))
    h = layers.Dense(64, activation="relu")(inputs)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(2e-3), "categorical_crossentropy", metrics=["accuracy"])
    val = (x_val, y_val)
    model.fit(x_train, y_train, validation_data=val, epochs=14, batch_size=32, callbacks=callbacks, verbose=0)
    return model
