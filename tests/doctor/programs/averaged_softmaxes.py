"""Two branches each end in a softmax and are averaged, but the loss is told to expect logits, so a second softmax
follows: from_logits=True on probabilities, one of the most frequent answers on Stack Overflow since TF 2."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("softmax-twice",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=12)
    x, xv = x / 255.0, xv / 255.0
    inputs = keras.Input((12, 12, 1))
    a = layers.Conv2D(12, 3, strides=2, activation="relu")(inputs)
    a = layers.Flatten()(a)
    a = layers.Dense(10, activation="softmax")(a)
    b = layers.Conv2D(12, 5, strides=2, activation="relu")(inputs)
    b = layers.Flatten()(b)
    b = layers.Dense(10, activation="softmax")(b)
    model = keras.Model(inputs, layers.Average()([a, b]))
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=not repaired),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
