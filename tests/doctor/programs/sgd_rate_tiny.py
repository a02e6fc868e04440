"""SGD runs with a rate of 1e-6, so the loss falls in the fourth digit only.

AutoTrainer's slow convergence, UMLAUT's "learning rate too low", DeepFD and Humbatova et al. 2020.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-low",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(73)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.02 if repaired else 1e-6, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
