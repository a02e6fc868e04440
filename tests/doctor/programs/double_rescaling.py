"""Images are divided by 255 when loaded and again by a Rescaling layer at the start of the network, so that all inputs
are near 0.002. Asked about for EfficientNet and friends, which contain their own Rescaling (keras issue tracker)."""

import keras
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("vanishing-signal", "unscaled-input")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = textures(classes=4)
    x, xv = x.astype("float32"), xv.astype("float32")
    if not repaired:
        x, xv = x / 255.0, xv / 255.0
    inputs = keras.Input((16, 16, 3))
    h = layers.Rescaling(1 / 255.0)(inputs)
    for filters in (16, 24, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    h = layers.Dense(32, activation="relu")(h)
    outputs = layers.Dense(4, activation="softmax")(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
