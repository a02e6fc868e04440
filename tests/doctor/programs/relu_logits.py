"""The relu of the hidden layers was copied to the six class scores, with a loss with from_logits=True: scores
below zero are cut and get no gradient. Wrong last activation: UMLAUT, Humbatova et al., Stack Overflow.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=6, n_train=1200)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
    h = layers.Flatten()(h)
    h = layers.Dense(48, activation="relu")(h)
    outputs = layers.Dense(6, activation=None if repaired else "relu")(h)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(0.003),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
