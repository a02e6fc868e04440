"""A TensorFlow 1 network moved to Keras: the old keep_prob 0.9 became Dropout(0.9), which drops nine of ten units. In
the TF upgrade notes and on Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("excessive-dropout",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    keep_prob = 0.9
    rate = 1 - keep_prob if repaired else keep_prob
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(rate),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(rate),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(rate),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
