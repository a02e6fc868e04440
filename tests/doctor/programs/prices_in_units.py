"""House prices around 200000 are regressed unscaled by SGD: the first gradients are huge and the loss becomes NaN.

DeepLocalize's numerical errors, AutoTrainer's exploding gradient; a very frequent question on regression and NaN.
"""

import keras
from keras import layers

from doctor.toy_data.tables import prices

# A far smaller rate would avoid the NaN too, though not make a good regressor.
CAUSES = ("unscaled-target", "exploding-gradient", "learning-rate-high")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(77)
    (x, y), (xv, yv) = prices()
    x, xv = (x - 0.5) * 3.4, (xv - 0.5) * 3.4
    if repaired:
        mean, std = y.mean(), y.std()
        y, yv = (y - mean) / std, (yv - mean) / std
    model = keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
