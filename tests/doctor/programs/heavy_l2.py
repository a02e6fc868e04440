"""Each kernel has an L2 penalty of 0.5, which outweighs the data's loss and pulls the weights to zero.

Humbatova et al. 2020, Training / Loss function and Hyperparameters (regularisation); a frequent question after advice
"add L2" against overfitting.
"""

import keras
from keras import layers, regularizers

from doctor.toy_data.images import digits

CAUSES = ("strong-regularization",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(64)
    (x, y), (xv, yv) = digits(8)
    x, xv = x / 255.0, xv / 255.0
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    strength = 1e-4 if repaired else 0.5
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(
                24, 3, activation="relu", kernel_initializer="he_normal", kernel_regularizer=regularizers.L2(strength)
            ),
            layers.Flatten(),
            layers.Dense(
                64, activation="relu", kernel_initializer="he_normal", kernel_regularizer=regularizers.L2(strength)
            ),
            layers.Dense(10, activation="softmax", kernel_regularizer=regularizers.L2(strength)),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
