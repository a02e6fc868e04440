"""Source: lyhue1991/eat_tensorflow2_in_30_days#23 ("1-2 load_image: labels wrong"), whole thread seen (Chinese).

What the person saw: cifar2 pictures (airplane, automobile) in folders, read with tf.data; accuracy 1.0000 and loss
5e-09 from the second epoch on, and the net gives the same class for everything.

CAUSE: the label is taken from the path with a pattern that has forward slashes, ".*/automobile/.*"; the paths come from
Windows and have backslashes, so nothing fits and all labels are 0.
FIX: a pattern that fits either kind of path.
(The paths are made up here; the pictures are kept in memory. "train" is the accuracy that Keras reports, "val" counts
against the folder a picture really lies in.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, models

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)


def draw(kind):
    img = rng.uniform(90, 200) + rng.normal(0, 18, (32, 32, 3))
    c = rng.uniform(0, 255, 3)
    y, x = rng.integers(10, 20), rng.integers(6, 12)
    if kind == "airplane":
        img[y:y + 3, x:x + 16] = c
        for k in range(8):
            img[y - k:y + 3 + k, x + 7 + k // 4] = c
    else:
        img[y:y + 6, x:x + 16] = c
        img[y - 4:y, x + 4:x + 12] = c
        img[y + 6:y + 9, x + 2:x + 5] = 20
        img[y + 6:y + 9, x + 11:x + 14] = 20
    return np.clip(img, 0, 255).astype("uint8")


def folder(part, n):
    paths, imgs, kinds = [], [], []
    for i in range(n):
        for kind in ("airplane", "automobile"):
            paths.append("data\\cifar2\\%s\\%s\\%d.jpg" % (part, kind, i))
            imgs.append(draw(kind))
            kinds.append(kind == "automobile")
    return paths, np.array(imgs), np.array(kinds).astype(int)


PATTERN = r".*[/\\]automobile[/\\].*" if GOOD else ".*/automobile/.*"


def load_image(img_path, img):
    label = tf.constant(1, tf.int8) if tf.strings.regex_full_match(img_path, PATTERN) else tf.constant(0, tf.int8)
    img = tf.image.resize(img, (32, 32)) / 255.0
    return img, label


def dataset(paths, imgs, shuffle):
    ds = tf.data.Dataset.from_tensor_slices((paths, imgs)).map(load_image, num_parallel_calls=tf.data.AUTOTUNE)
    if shuffle:
        ds = ds.shuffle(1000, seed=0)
    return ds.batch(50).prefetch(tf.data.AUTOTUNE)


train_paths, train_imgs, train_kind = folder("train", 400)
test_paths, test_imgs, test_kind = folder("test", 100)
ds_train = dataset(train_paths, train_imgs, True)
ds_test = dataset(test_paths, test_imgs, False)

inputs = layers.Input(shape=(32, 32, 3))
x = layers.Conv2D(32, kernel_size=(3, 3))(inputs)
x = layers.MaxPool2D()(x)
x = layers.Conv2D(64, kernel_size=(5, 5))(x)
x = layers.MaxPool2D()(x)
x = layers.Dropout(rate=0.1)(x)
x = layers.Flatten()(x)
x = layers.Dense(32, activation="relu")(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = models.Model(inputs=inputs, outputs=outputs)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(ds_train, epochs=8, validation_data=ds_test, verbose=2)

pred = (model.predict(ds_test, verbose=0)[:, 0] > 0.5).astype(int)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], history.history["accuracy"][-1], (pred == test_kind).mean()))
