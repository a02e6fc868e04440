"""Image files are read in the order of sorted(os.listdir()), in which img_10 comes before img_2, but the labels come
from a list in numeric order. Asked about with glob/listdir on Stack Overflow."""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("shuffled-labels",)


def load(images, repaired):
    names = [f"img_{i}.png" for i in range(len(images))]
    files = sorted(names, key=(lambda n: int(n[4:-4])) if repaired else None)
    return np.stack([images[int(n[4:-4])] for n in files]).astype("float32") / 255


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=3)
    x, xv = load(x, repaired), load(xv, repaired)
    inputs = keras.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, activation="relu")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(24, 3, activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
