"""activity_regularizer=l1(0.1), meant for the kernels, adds up the thousands of outputs that each image has.

Overdone regularisation (DeepFD, Humbatova et al. 2020); the three regularizer arguments of a layer are often mixed up.
"""

import keras
from keras import layers, regularizers

from doctor.toy_data.images import digits

CAUSES = ("strong-regularization",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(429)
    (x, y), (xv, yv) = digits(16, seed=29)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    if repaired:
        penalty = {"kernel_regularizer": regularizers.L1(1e-5)}
    else:
        penalty = {"activity_regularizer": regularizers.L1(0.1)}
    inputs = layers.Input((16, 16, 1))
    h = layers.Conv2D(12, 3, activation="relu", **penalty)(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(24, 3, activation="relu", **penalty)(h)
    h = layers.Flatten()(h)
    h = layers.Dense(48, activation="relu", **penalty)(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
