"""The scaled images are stored as uint8 again to save memory, which truncates every value below 1 to 0. A classic in
answers about (x / 255).astype('uint8') on Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("constant-input",)


def preprocess(images, repaired):
    scaled = images / 255.0
    return scaled.astype("float32" if repaired else "uint8")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(4),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.002),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        preprocess(x, repaired),
        y,
        batch_size=32,
        epochs=8,
        validation_data=(preprocess(xv, repaired), yv),
        callbacks=callbacks,
        verbose=0,
    )
    return model
