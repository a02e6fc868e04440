"""The images are divided by 255 in integers, so nearly every pixel of every image is 0.

Humbatova et al. 2020, Training / Preprocessing of training data (wrong normalisation); a common slip in questions
about accuracy that stays at chance.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("constant-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(3)
    (x, y), (xv, yv) = shapes(5)
    if repaired:
        x, xv = x / 255, xv / 255
    else:
        x, xv = x // 255, xv // 255
    y, yv = keras.utils.to_categorical(y, 5), keras.utils.to_categorical(yv, 5)

    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x.astype("float32"),
        y,
        validation_data=(xv.astype("float32"), yv),
        epochs=6,
        batch_size=32,
        callbacks=callbacks,
        verbose=0,
    )
    return model
