"""Digits: the training images are brought to -1..1 as MobileNet wants them, the validation images to 0..1 by an older
helper. Asked as "good training, bad validation accuracy after fine-tuning" on Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unscaled-evaluation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16, channels=3)
    x = x / 127.5 - 1.0
    xv = xv / 127.5 - 1.0 if repaired else xv / 255.0
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            layers.Conv2D(32, 1, activation="relu"),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(48, 1, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.002), loss="categorical_crossentropy", metrics=["categorical_accuracy"]
    )
    model.fit(
        x,
        keras.utils.to_categorical(y, 10),
        batch_size=32,
        epochs=6,
        validation_data=(xv, keras.utils.to_categorical(yv, 10)),
        callbacks=callbacks,
        verbose=0,
    )
    return model
