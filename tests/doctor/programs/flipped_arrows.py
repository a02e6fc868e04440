"""Road signs are flipped left to right and upside down at random, though the direction of the arrow is their class.

The often named mistake of flipping digits or signs; unsuitable augmentation in Humbatova et al. 2020.
"""

import keras
from keras import layers

from doctor.toy_data.images import arrows

CAUSES = ("strong-augmentation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(340)
    (x, y), (xv, yv) = arrows(seed=70)
    inputs = layers.Input((20, 20, 3))
    h = layers.Rescaling(1 / 255.0)(inputs)
    h = layers.RandomTranslation(0.05, 0.05)(h) if repaired else layers.RandomFlip("horizontal_and_vertical")(h)
    h = layers.Conv2D(16, 3, activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(24, 3, activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Dense(32, activation="relu")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
