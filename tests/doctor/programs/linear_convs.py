"""Convolutions with average pooling, but no activation anywhere: the whole is one linear map,
blind to stripes of any phase. "Missing activation" in Humbatova et al., NeuraLint and Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("missing-nonlinearity",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    activation = "relu" if repaired else None
    (x, y), (xv, yv) = textures(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(12, 5, padding="same", activation=activation),
            layers.AveragePooling2D(2),
            layers.Conv2D(24, 3, padding="same", activation=activation),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(48, activation=activation),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.002), loss="categorical_crossentropy", metrics=["categorical_accuracy"]
    )
    model.fit(
        x,
        keras.utils.to_categorical(y),
        batch_size=32,
        epochs=8,
        validation_data=(xv, keras.utils.to_categorical(yv)),
        callbacks=callbacks,
        verbose=0,
    )
    return model
