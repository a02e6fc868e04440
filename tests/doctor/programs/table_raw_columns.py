"""MLP on the breast cancer table, whose columns range from thousandths to thousands; no scaling. The standard answer
on Stack Overflow to "Keras model always predicts the same class" on tables: use a StandardScaler."""

import keras
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = cells()
    if repaired:
        mean, std = x.mean(0), x.std(0)
        x, xv = (x - mean) / std, (xv - mean) / std
    inputs = keras.Input((30,))
    h = layers.Dense(24, activation="relu")(inputs)
    h = layers.Dense(12, activation="relu")(h)
    outputs = layers.Dense(1, activation="sigmoid")(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=16, epochs=10, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
