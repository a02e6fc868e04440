"""Class numbers are regressed by one linear unit with mean squared error, and accuracy is asked for.

DeepLocalize and DeepFD have such programs (loss function faults); a frequent beginner's question.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

# The classification is set up as a regression: the loss is wrong for class numbers and one unit is for ten classes.
CAUSES = ("wrong-loss", "output-units")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(46)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    inputs = layers.Input((64,))
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(h)
    outputs = layers.Dense(10, activation="softmax")(h) if repaired else layers.Dense(1)(h)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy" if repaired else "mse", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
