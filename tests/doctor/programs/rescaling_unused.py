"""Functional model in which the first convolution is called on `inputs` instead of the scaled tensor, so the Rescaling
layer is not part of the network. A slip of variable names as in many Stack Overflow questions."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("bypassed-layers", "unscaled-input")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=3)
    inputs = keras.Input((24, 24, 3))
    scaled = layers.Rescaling(1.0 / 255)(inputs)
    x1 = layers.Conv2D(16, 3, padding="same", activation="relu")(scaled if repaired else inputs)
    x1 = layers.MaxPooling2D()(x1)
    x2 = layers.Conv2D(32, 3, padding="same", activation="relu")(x1)
    x2 = layers.MaxPooling2D()(x2)
    x3 = layers.Flatten()(x2)
    x3 = layers.Dense(48, activation="relu")(x3)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x3))
    model.compile(
        optimizer=keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x.astype("float32"),
        y,
        batch_size=32,
        epochs=8,
        validation_data=(xv.astype("float32"), yv),
        callbacks=callbacks,
        verbose=0,
    )
    return model
