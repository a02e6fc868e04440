"""
Source: keras-team/keras#7520 ("solve label error when image is shuffled")

Seen: the features of a frozen convolutional base are computed with predict over a directory generator, then a small classifier is trained
on them with labels taken from generator.classes; the classifier does not get beyond chance.

CAUSE: the generator shuffles the pictures (shuffle=True) while generator.classes lists the labels in directory order, so features and labels do not belong together.
FIX: shuffle=False in the generator that feeds predict.
"""
import os
import sys
import tempfile

import numpy as np
import keras
from keras import layers
from PIL import Image
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(14)
rng = np.random.default_rng(14)

size, batch_size = 32, 16
root = tempfile.mkdtemp()
yy, xx = np.mgrid[0:size, 0:size]


def picture(kind):
    a = rng.uniform(0, np.pi)
    k = rng.uniform(0.9, 1.3)
    if kind == "stripes":
        t = np.sin(k * (yy * np.cos(a) + xx * np.sin(a)))
    else:
        t = np.sin(k * (yy * np.cos(a) + xx * np.sin(a))) * np.sin(k * (yy * np.sin(a) - xx * np.cos(a)))
    img = 128 + 70 * t[..., None] * rng.uniform(0.6, 1, 3) + rng.normal(0, 15, (size, size, 3))
    return Image.fromarray(np.clip(img, 0, 255).astype("uint8"))


for part, n in (("train", 300), ("validation", 100)):
    for kind in ("checks", "stripes"):
        os.makedirs(os.path.join(root, part, kind))
        for i in range(n):
            picture(kind).save(os.path.join(root, part, kind, f"{kind}_{i:04d}.png"))

# the frozen base
base = keras.Sequential([
    keras.Input((size, size, 3)),
    layers.Conv2D(32, 5, activation="relu", kernel_initializer="he_normal"),
    layers.MaxPooling2D(),
    layers.Conv2D(64, 3, activation="relu", kernel_initializer="he_normal"),
    layers.GlobalAveragePooling2D(),
])
base.trainable = False


def features(part):
    datagen = ImageDataGenerator(rescale=1.0 / 255)
    generator = datagen.flow_from_directory(os.path.join(root, part), target_size=(size, size),
                                            batch_size=batch_size, class_mode=None,
                                            shuffle=not GOOD, seed=5)
    feats = base.predict(generator, verbose=0)
    return feats, keras.utils.to_categorical(generator.classes)


x_train, y_train = features("train")
x_val, y_val = features("validation")

norm = layers.Normalization()
norm.adapt(x_train)
top = keras.Sequential([
    keras.Input(x_train.shape[1:]),
    norm,
    layers.Dense(64, activation="relu"),
    layers.Dropout(0.5),
    layers.Dense(2, activation="softmax"),
])
top.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
top.fit(x_train, y_train, epochs=25, batch_size=16, validation_data=(x_val, y_val), verbose=2)

train = top.evaluate(x_train, y_train, verbose=0)[1]
val = top.evaluate(x_val, y_val, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
