"""Adam runs with a rate of 0.3, a value taken over from SGD.

UMLAUT's "learning rate too high", DeepFD and Humbatova et al. 2020 (suboptimal learning rate); a frequent question.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(70)
    (x, y), (xv, yv) = digits(16)
    x, xv = x / 255.0, xv / 255.0
    inputs = layers.Input((16, 16, 1))
    h = layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    h = layers.Dense(48, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    optimizer = keras.optimizers.Adam(0.001 if repaired else 0.3)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
