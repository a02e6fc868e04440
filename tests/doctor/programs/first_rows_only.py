"""The files are sorted by class and only the first rows are taken for training, so that all have one label.

The kind of question with accuracy 1.0 and loss 0.0 in the first epoch and validation at chance.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("single-class",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(11)
    (x, y), (xv, yv) = shapes(4, n_train=2600)
    order = np.random.default_rng(11).permutation(len(x)) if repaired else np.argsort(y, kind="stable")
    x, y = x[order][:600], y[order][:600]  # "a smaller part to try it out"
    x, xv = x / 255.0, xv / 255.0
    inputs = layers.Input((24, 24, 3))
    h = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
