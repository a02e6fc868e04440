"""RandomRotation(0.5) is meant as a small angle (half a degree or radian), but the factor counts full turns, so
stripes are turned anyhow; their direction is the class. A frequent mix-up when leaving
ImageDataGenerator(rotation_range=...).
"""

import keras
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("strong-augmentation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = textures(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((16, 16, 3))
    h = layers.RandomRotation(0.5 / 57.3 if repaired else 0.5, fill_mode="reflect", seed=3)(inputs)
    h = layers.Conv2D(16, 5, padding="same", activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
    h = layers.GlobalAveragePooling2D()(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
