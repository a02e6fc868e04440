"""
SOURCE: fchollet/deep-learning-with-python-notebooks#257 (pull request #260), chapter 8,
    "Fine-tuning a pretrained model".
SAW: The fine-tuning at the end of the chapter gives nothing over the feature extraction before
    it; it is basically the same training again, and the epochs take just as long as before. (The
    accuracies are those of the run here.)
CAUSE: The convolutional base is still frozen in the fine-tuning, nothing sets it back to trainable.
FIX: conv_base.trainable = True before the second compile.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(12)

SIZE = 32


def animal(rng, size=SIZE):
    yy, xx = np.mgrid[0:size, 0:size]
    cy, cx = rng.uniform(size * 0.4, size * 0.6, 2)
    r = rng.uniform(size * 0.25, size * 0.36)
    return (yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2, yy, xx


def flower_photos(n, rng):
    paints = np.array([[220, 60, 60], [60, 200, 70], [70, 90, 220], [220, 200, 60]], "float32")
    X, y = np.zeros((n, SIZE, SIZE, 3), "float32"), rng.integers(0, 4, n)
    for i, k in enumerate(y):
        body, _, _ = animal(rng)
        ground = rng.uniform(40, 120)
        X[i] = np.where(body[..., None], paints[k] * rng.uniform(0.6, 1.1), ground)
        X[i] += rng.normal(0, 10, (SIZE, SIZE, 3))
    return np.clip(X, 0, 255), y


def pet_photos(n, rng):
    X, y = np.zeros((n, SIZE, SIZE, 3), "float32"), rng.integers(0, 2, n)
    for i, k in enumerate(y):
        body, yy, xx = animal(rng)
        shift = rng.integers(0, 6)
        fur = ((xx + yy + shift) // 3 % 2) if k else ((xx - yy + shift) // 3 % 2)
        light = rng.uniform(70, 160)
        X[i] = np.where(body, light + 35 * (fur - 0.5), rng.uniform(60, 170))[..., None]
        X[i] += rng.normal(0, 8, (SIZE, SIZE, 3))
    return np.clip(X, 0, 255), y


def make_conv_base():
    inp = layers.Input((SIZE, SIZE, 3))
    x = inp
    for filters in (16, 32, 48):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    return keras.Model(inp, x, name="conv_base")


def preprocess(x):
    return x / 127.5 - 1


rng = np.random.default_rng(3)

# the base, pretrained on other photos
conv_base = make_conv_base()
pre = keras.Sequential([conv_base, layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax")])
pre.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
fx, fy = flower_photos(800, rng)
pre.fit(preprocess(fx), fy, batch_size=32, epochs=3, verbose=2)

x_train, y_train = pet_photos(800, rng)
x_val, y_val = pet_photos(200, rng)

# feature extraction together with data augmentation
conv_base.trainable = False
data_augmentation = keras.Sequential([layers.RandomTranslation(0.05, 0.05)])
inputs = keras.Input((SIZE, SIZE, 3))
x = data_augmentation(inputs)
x = layers.Rescaling(1 / 127.5, offset=-1)(x)
x = conv_base(x)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(64, activation="relu")(x)
x = layers.Dropout(0.25)(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=5, validation_data=(x_val, y_val), verbose=2)

# fine-tuning
if GOOD:
    conv_base.trainable = True
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate=5e-4),
              metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_val, y_val), verbose=2)

tr = model.evaluate(x_train, y_train, verbose=0)[1]
va = model.evaluate(x_val, y_val, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={va:.3f} (accuracy, two classes)")
