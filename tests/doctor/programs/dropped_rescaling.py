"""A Rescaling layer is called but its result is not used: the next layer takes the inputs again.

NeuraLint's graph faults, Humbatova et al. 2020, Model / Layers (missing or wrong connection); a slip when editing
functional models.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

# The raw pixels that result are what stops the training, but the cause is the dropped layer.
CAUSES = ("bypassed-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(26)
    (x, y), (xv, yv) = shapes(5)
    inputs = layers.Input((24, 24, 3))
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    h = layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal")(
        scaled if repaired else inputs
    )
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
