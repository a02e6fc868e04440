"""Dense layers are stacked without an activation: together they are one linear map and cannot part rings.

UMLAUT's "missing activation functions", DeepFD's activation faults, Humbatova et al. 2020, Model / Activation function.
"""

import keras
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("missing-nonlinearity",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(29)
    (x, y), (xv, yv) = rings(3)
    activation = "relu" if repaired else None
    model = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(64, activation=activation, kernel_initializer="he_normal"),
            layers.Dense(64, activation=activation, kernel_initializer="he_normal"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
