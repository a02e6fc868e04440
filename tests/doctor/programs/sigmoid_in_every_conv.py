"""Six convolutions with sigmoids in a row: hardly any gradient comes through to the first ones.

Vanishing gradient (AutoTrainer, DeepLocalize, UMLAUT); sigmoid in hidden layers is a repair pattern of AutoTrainer.
"""

import keras
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("vanishing-gradient",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(345)
    (x, y), (xv, yv) = textures(4, seed=75)
    x, xv = x / 127.5 - 1, xv / 127.5 - 1
    activation = "relu" if repaired else "sigmoid"
    inputs = h = layers.Input((16, 16, 3))
    for filters in (12, 12, 24, 24, 32, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation=activation)(h)
        if filters == 24:
            h = layers.MaxPooling2D()(h)
    h = layers.Dense(16, activation=activation)(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
