"""Source: mindee/doctr#375 ("fix: Removed extra 255 division", merged, bug "critical"), pull request seen.

What the person saw: a critical bug of the TensorFlow datasets after the change before (#367), the pictures that reach the
net are wrong; no numbers are given.

CAUSE: tf.image.convert_image_dtype already divides by 255 when it makes floats of uint8; the pictures are then divided
by 255 once more and are almost constant.
FIX: no second division.
(The small classifier and the letters are mine, so is the effect on the accuracy.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

digits = load_digits()
order = rng.permutation(len(digits.target))
raw = np.kron(digits.images[order], np.ones((3, 3)))
paper = rng.integers(180, 240, (len(raw), 1, 1))
pictures = np.clip(paper - raw * 9 + rng.normal(0, 5, raw.shape), 0, 255).astype("uint8")[..., None].repeat(3, -1)
labels = digits.target[order]


def read_sample(img, label):
    img = tf.image.convert_image_dtype(img, tf.float32)
    if not GOOD:
        img = img / 255.0
    img = tf.clip_by_value(tf.image.resize(img, (24, 24)), 0.0, 1.0)
    img = (img - tf.constant([0.694, 0.695, 0.693])) / tf.constant([0.299, 0.296, 0.301])
    return img, label


def make(x, y, shuffle):
    ds = tf.data.Dataset.from_tensor_slices((x, y))
    if shuffle:
        ds = ds.shuffle(len(x), seed=1)
    return ds.map(read_sample).batch(32).prefetch(2)


train = make(pictures[:1300], labels[:1300], True)
val = make(pictures[1300:], labels[1300:], False)

model = keras.Sequential([
    keras.Input((24, 24, 3)),
    layers.Conv2D(16, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(48, 3, padding="same", activation="relu"),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=val, epochs=8, verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(train, verbose=0)[1], model.evaluate(val, verbose=0)[1]))
