"""
SOURCE: kmonachopoulos/ImageNet-to-TFrecord issue #4 ("random.shuffle doesn't work
to shuffled_index, which affect the training results"),
https://github.com/kmonachopoulos/ImageNet-to-TFrecord/issues/4 (tsaichasel gives
cause and fix; rjbruin: "Training with samples entirely in order simply doesn't
work")

SEEN: folders of pictures are made into TFRecord files with the script, then a
classifier is trained from the files. It does not learn; the loss of the running
batches looks good at the end of every epoch.
(Here: eight drawn classes, 32 x 32, a small net.)

CAUSE: random.shuffle is given list(range(...)), a new list that nobody keeps;
shuffled_index stays in order, so the file holds one class after the other.
FIX: shuffled_index = list(range(...)) and random.shuffle(shuffled_index).
"""
import os
import sys
import random
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
SIZE, CLASSES = 32, 8
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def draw(k):
    img = np.zeros((SIZE, SIZE, 3)) + rng.uniform(20, 235, 3)
    cy, cx, r = rng.uniform(13, 19), rng.uniform(13, 19), rng.uniform(7, 11)
    dy, dx = np.abs(yy - cy), np.abs(xx - cx)
    d = np.hypot(yy - cy, xx - cx)
    m = [d < r, (d < r) & (d > r * 0.6), np.maximum(dy, dx) < r * 0.8,
         (np.maximum(dy, dx) < r * 0.9) & (np.maximum(dy, dx) > r * 0.55),
         dy + dx < r, (dy < 2.5) & (dx < r) | (dx < 2.5) & (dy < r),
         (np.abs(dy - dx) < 2.5) & (d < r), (dx < (yy - cy + r) * 0.5) & (yy < cy + r * 0.7)][k]
    col = rng.uniform(20, 235, 3)
    while np.abs(col - img[0, 0]).max() < 70:
        col = rng.uniform(20, 235, 3)
    img[m] = col
    return np.clip(img + rng.normal(0, 8, img.shape), 0, 255).astype("uint8")


root = tempfile.mkdtemp()


def make_folders(part, n):
    for k in range(CLASSES):
        d = os.path.join(root, part, "n%08d" % k)
        os.makedirs(d)
        for i in range(n):
            tf.io.write_file(os.path.join(d, "%d.png" % i), tf.io.encode_png(draw(k)))


def list_pictures(folder):
    names, labels = [], []
    for label, kind in enumerate(sorted(os.listdir(folder))):
        for f in sorted(os.listdir(os.path.join(folder, kind))):
            names.append(os.path.join(folder, kind, f))
            labels.append(label)
    random.seed(12345)
    if GOOD:
        shuffled_index = list(range(len(names)))
        random.shuffle(shuffled_index)
    else:
        shuffled_index = range(len(names))
        random.shuffle(list(range(len(shuffled_index))))
    return [(names[i], labels[i]) for i in shuffled_index]


def process_dataset(part, n):
    make_folders(part, n)
    out = os.path.join(root, part + ".tfrecord")
    with tf.io.TFRecordWriter(out) as writer:
        for name, label in list_pictures(os.path.join(root, part)):
            feature = {
                "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[open(name, "rb").read()])),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return out


def parse(rec):
    f = tf.io.parse_single_example(rec, {"image/encoded": tf.io.FixedLenFeature([], tf.string),
                                         "image/class/label": tf.io.FixedLenFeature([], tf.int64)})
    img = tf.reshape(tf.io.decode_png(f["image/encoded"], 3), (SIZE, SIZE, 3))
    return tf.cast(img, tf.float32) / 255.0, f["image/class/label"]


train = tf.data.TFRecordDataset(process_dataset("train", 150)).map(parse).batch(32).cache()
val = tf.data.TFRecordDataset(process_dataset("validation", 40)).map(parse).batch(32).cache()


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.c = [layers.Conv2D(f, 3, padding="same", activation="relu") for f in (16, 32, 64)]
        self.p = layers.MaxPooling2D()
        self.f = layers.Flatten()
        self.d = layers.Dense(96, activation="relu")
        self.o = layers.Dense(CLASSES, activation="softmax")

    def call(self, x):
        for c in self.c:
            x = self.p(c(x))
        return self.o(self.d(self.f(x)))


model = Net()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=val, epochs=10, verbose=2)

tr = model.evaluate(train, verbose=0)[1]
va = model.evaluate(val, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, va))
