"""Class numbers are given by order of first appearance, anew for the training and for the validation part
(pandas.factorize or a LabelEncoder fitted twice), so the same number means different digits. Stack Overflow."""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("no-generalization",)


def factorize(names):
    seen = list(dict.fromkeys(names.tolist()))
    return np.array([seen.index(n) for n in names.tolist()], "int64"), seen


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=12)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    names, names_v = np.char.add("digit-", y.astype(str)), np.char.add("digit-", yv.astype(str))
    y, seen = factorize(names)
    yv = np.array([seen.index(n) for n in names_v.tolist()], "int64") if repaired else factorize(names_v)[0]
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(24, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
