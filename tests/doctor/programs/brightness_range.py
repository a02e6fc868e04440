"""RandomBrightness works on 0..255 unless told otherwise; on images in 0..1 it adds up to +-51 and training sees white
or black frames only. Reported in Keras issues about value_range."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("strong-augmentation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    value_range = (0.0, 1.0) if repaired else (0, 255)
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.RandomBrightness(0.2, value_range=value_range, seed=3),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
