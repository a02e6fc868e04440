"""Softmax over ten digits, labels a column of class numbers, loss mean squared error: the column is broadcast against
the ten probabilities without a word. Wrong loss / wrong label encoding in Islam et al. and Humbatova et al."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("label-encoding", "wrong-loss")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits()
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy" if repaired else "mean_squared_error",
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.fit(x, y[:, None], batch_size=32, epochs=7, validation_data=(xv, yv[:, None]), callbacks=callbacks, verbose=0)
    return model
