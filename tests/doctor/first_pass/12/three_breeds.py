"""
SOURCE: tensorflow/models pull request #1247 (README warning about
build_image_data.py), https://github.com/tensorflow/models/pull/1247, merged;
the writer (jtran064) tells his own case.

SEEN: own pictures in three classes are written to TFRecord files with the script
of the inception model, then a classifier is trained on them. The network fails
to converge. Many hours of debugging.
(Here: drawn pictures of 40 x 40, a small net from scratch.)

CAUSE: the script keeps 0 for a background class and numbers the folders from 1,
so the labels are 1, 2, 3; one_hot with three classes turns the 3 into a row of
zeros without saying anything.
FIX: let label_index in the script start at 0.
"""
import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
SIZE = 40
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def draw(breed):
    img = np.zeros((SIZE, SIZE, 3)) + rng.uniform(40, 190, 3)
    img += rng.normal(0, 12, img.shape)
    cy, cx, r = rng.uniform(15, 25), rng.uniform(15, 25), rng.uniform(8, 12)
    fur = rng.uniform(30, 230, 3)
    head = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
    img[head] = fur
    for side in (-1, 1):
        ex = cx + side * r * 0.7
        if breed == "beagle":      # hanging ears
            ear = (np.abs(xx - ex - side * 2) < 3) & (yy > cy - 2) & (yy < cy + r + 5)
        elif breed == "husky":     # pointed ears
            ear = (yy > cy - r - 7) & (yy < cy - r * 0.4) & (np.abs(xx - ex) < (yy - (cy - r - 7)) * 0.45)
        else:                      # pug: small round ears
            ear = (yy - (cy - r * 0.7)) ** 2 + (xx - ex) ** 2 < 9
        img[ear] = fur * 0.45
        img[(yy - cy + 2) ** 2 + (xx - cx - side * 4) ** 2 < 3] = 10
    return np.clip(img, 0, 255).astype("uint8")


# ---- folders
root = tempfile.mkdtemp()
for part, n in (("train", 240), ("validation", 60)):
    for breed in ("beagle", "husky", "pug"):
        d = os.path.join(root, part, breed)
        os.makedirs(d)
        for i in range(n):
            tf.io.write_file(os.path.join(d, "%04d.png" % i), tf.io.encode_png(draw(breed)))


# ---- the script that makes the records
def find_image_files(data_dir):
    unique_labels = sorted(os.listdir(data_dir))
    filenames, labels = [], []
    label_index = 0 if GOOD else 1
    for text in unique_labels:
        files = sorted(tf.io.gfile.glob(os.path.join(data_dir, text, "*")))
        filenames += files
        labels += [label_index] * len(files)
        label_index += 1
    order = np.random.RandomState(12345).permutation(len(filenames))
    return [filenames[i] for i in order], [labels[i] for i in order]


def to_records(part):
    out = os.path.join(root, part + ".tfrecord")
    with tf.io.TFRecordWriter(out) as w:
        for f, l in zip(*find_image_files(os.path.join(root, part))):
            w.write(tf.train.Example(features=tf.train.Features(feature={
                "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[open(f, "rb").read()])),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[l])),
            })).SerializeToString())
    return out


NUM_CLASSES = 3


def parse(rec):
    f = tf.io.parse_single_example(rec, {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/class/label": tf.io.FixedLenFeature([], tf.int64)})
    img = tf.cast(tf.io.decode_png(f["image/encoded"], 3), tf.float32) / 127.5 - 1.0
    img = tf.reshape(img, (SIZE, SIZE, 3))
    return img, f["image/class/label"]


def one_hot(img, label):
    return img, tf.one_hot(label, NUM_CLASSES)


train_raw = tf.data.TFRecordDataset(to_records("train")).map(parse).cache()
val_raw = tf.data.TFRecordDataset(to_records("validation")).map(parse).cache()
train = train_raw.shuffle(720).map(one_hot).batch(32)
val = val_raw.map(one_hot).batch(32)

model = keras.Sequential([
    keras.Input((SIZE, SIZE, 3)),
    layers.Conv2D(16, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(NUM_CLASSES),
])
model.compile(optimizer=keras.optimizers.RMSprop(1e-3),
              loss=keras.losses.CategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])
model.fit(train, validation_data=val, epochs=10, verbose=2)


def right(ds):
    n = k = 0
    for img, label in ds.batch(60):
        k += int((np.argmax(model.predict(img, verbose=0), 1) == label.numpy()).sum())
        n += len(label)
    return k / n


print("RESULT %s train=%.3f val=%.3f (number of the output is the label in the record)" % (sys.argv[1], right(train_raw), right(val_raw)))
