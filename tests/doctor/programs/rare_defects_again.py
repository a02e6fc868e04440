"""Inspection of surfaces: only 3 % of the training images show a scratch, so "no defect" scores 97 %. The usual
question "my network always predicts the majority class" on Stack Overflow; repaired: a balanced collection."""

import keras
from keras import layers

from doctor.toy_data.images import surfaces

CAUSES = ("class-imbalance",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = surfaces(share=0.5 if repaired else 0.03, n_train=1100)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((20, 20, 1))
    h = layers.Conv2D(16, 5, padding="same", activation="relu")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(24, 3, padding="same", activation="relu")(h)
    h = layers.GlobalMaxPooling2D()(h)
    h = layers.Dense(16, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
