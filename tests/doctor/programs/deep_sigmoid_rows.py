"""Eight sigmoid layers between input and output of an MLP: the gradient shrinks by four and more in each. The vanishing
gradient of Hochreiter 1991 and of AutoTrainer's and DeepFD's benchmarks."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("vanishing-gradient", "vanishing-signal")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits()
    x, xv = x / 255.0, xv / 255.0
    inputs = keras.Input((8, 8, 1))
    h = layers.Flatten()(inputs)
    for _ in range(8):
        if repaired:
            h = layers.Dense(48, activation="relu", kernel_initializer="he_normal")(h)
        else:
            h = layers.Dense(48, activation="sigmoid")(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
