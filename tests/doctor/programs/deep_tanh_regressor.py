"""A regressor of six tanh layers starts from weights uniform within 0.05, which let the signal fade.

AutoTrainer's vanishing gradient; 0.05 was the range of Keras' old default "uniform", still found in old scripts.
"""

import keras
from keras import layers

from doctor.toy_data.tables import prices

CAUSES = ("vanishing-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(59)
    (x, y), (xv, yv) = prices()
    mean, std = y.mean(), y.std()
    y, yv = (y - mean) / std, (yv - mean) / std
    x, xv = (x - 0.5) * 3.4, (xv - 0.5) * 3.4  # mean 0, deviation 1
    init = "glorot_uniform" if repaired else "random_uniform"
    model = keras.Sequential([layers.Input((8,))])
    for _ in range(6):
        model.add(layers.Dense(32, activation="tanh", kernel_initializer=init))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
