"""Eight sigmoid layers in a row: hardly any gradient arrives at the first ones.

AutoTrainer's vanishing gradient, UMLAUT, DeepFD's activation faults; the textbook case.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("vanishing-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(57)
    (x, y), (xv, yv) = digits(8)
    x, xv = x.reshape(-1, 64) / 255.0, xv.reshape(-1, 64) / 255.0
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    activation, init = ("relu", "he_normal") if repaired else ("sigmoid", "glorot_uniform")
    model = keras.Sequential([layers.Input((64,))])
    for _ in range(8):
        model.add(layers.Dense(48, activation=activation, kernel_initializer=init))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
