"""VGG-like network on 16x16 digits, trained by SGD on the bytes 0..255 as loaded. Asked countless times on Stack
Overflow ("loss is nan / accuracy stuck at 10 %"); "missing preprocessing" in Humbatova et al."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unscaled-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32"), xv.astype("float32")
    if repaired:
        x, xv = x / 255, xv / 255
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.02, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=5, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
