"""Adadelta with Keras' default rate 0.001 (the paper's is 1.0): training crawls. A well-known surprise since TF 2,
e.g. the Keras MNIST example on Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-low",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adadelta(1.0) if repaired else keras.optimizers.Adadelta(),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x,
        keras.utils.to_categorical(y, 10),
        batch_size=32,
        epochs=5,
        validation_data=(xv, keras.utils.to_categorical(yv, 10)),
        callbacks=callbacks,
        verbose=0,
    )
    return model
