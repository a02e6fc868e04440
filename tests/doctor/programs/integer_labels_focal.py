"""Class numbers of shape (n, 1) go into a loss that expects one-hot rows; broadcasting hides the mistake.

NeuraLint's and DeepFD's loss faults; a frequent question is sparse against categorical crossentropy. Keras checks the
shapes in the plain crossentropies only, not in the focal one.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("label-encoding",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(9)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    if repaired:
        y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    else:
        y, yv = y[:, None], yv[:, None]
    inputs = layers.Input((8, 8, 1))
    h = layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Flatten()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile("adam", keras.losses.CategoricalFocalCrossentropy(), metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
