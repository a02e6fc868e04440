"""RandomHue with a factor of 0.9 turns green fruits into violet ones, though the colour is what tells the classes.

A recipe for colour jitter taken over unlooked; "augmentation makes my network worse" is asked often.
"""

import keras
from keras import layers

from doctor.toy_data.images import fruits

CAUSES = ("strong-augmentation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(428)
    (x, y), (xv, yv) = fruits(seed=28)
    model = keras.Sequential(
        [
            layers.Input((20, 20, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomHue(0.03 if repaired else 0.9, value_range=(0, 1), seed=28),
            layers.RandomFlip("horizontal", seed=28),
            layers.Conv2D(12, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
