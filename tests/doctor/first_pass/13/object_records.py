"""
SOURCE: https://github.com/apache/mxnet/issues/4220 ("Low accuracy"; MXNet there, a small AlexNet here)
SEEN: AlexNet on own images with 9 classes: the validation accuracy stays around 0.1, although the data iterator has
    shuffle=True.
CAUSE: The record file was packed from a list sorted by class. The iterator's shuffle only mixes the records inside the
    chunk it has read, so the network still sees one or two classes at a time and forgets the others.
FIX: Shuffle the list file before packing the records (shuf train.lst).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
S, N_CLASSES = 28, 9


def draw_object(label):
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    cx, cy = S / 2 + rng.normal(0, 2, 2)
    t = rng.normal(0, 0.35)
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    r = rng.uniform(6, 9.5)
    shape = label // 3
    if shape == 0:
        inside = np.hypot(u, v) < r
    elif shape == 1:
        inside = np.maximum(np.abs(u), np.abs(v)) < 0.85 * r
    else:
        inside = (v < 0.7 * r) & (np.abs(u) < 0.62 * (v + r))
    texture = label % 3
    if texture == 0:
        pattern = np.ones((S, S))
    elif texture == 1:
        pattern = (np.sin(u * 1.9 + rng.uniform(0, 6)) > 0).astype(float)
    else:
        pattern = (np.sin(v * 1.9 + rng.uniform(0, 6)) > 0).astype(float)
    fg, bg = rng.uniform(90, 255, 3), rng.uniform(0, 120, 3)
    img = np.where(inside[..., None], fg * (0.45 + 0.55 * pattern[..., None]), bg)
    img = img + rng.normal(0, 22, img.shape)
    return np.clip(img, 0, 255).astype("uint8")


def make_list(per_class):
    lst = []
    for label in range(N_CLASSES):
        for i in range(per_class):
            lst.append((len(lst), label))
    return lst


def im2rec(lst):
    return [(label, draw_object(label)) for _, label in lst]


class ImageRecordIter:
    def __init__(self, records, batch_size, shuffle, chunk=256):
        self.records, self.batch_size, self.shuffle, self.chunk = records, batch_size, shuffle, chunk

    def __iter__(self):
        buffer = []
        for start in range(0, len(self.records), self.chunk):
            part = list(self.records[start:start + self.chunk])
            if self.shuffle:
                rng.shuffle(part)
            buffer += part
            while len(buffer) >= self.batch_size:
                batch, buffer = buffer[:self.batch_size], buffer[self.batch_size:]
                yield (np.array([r[1] for r in batch], "float32") - 110) / 64, np.array([r[0] for r in batch])


def shuffled(lst):
    return [lst[i] for i in rng.permutation(len(lst))]


train_lst, val_lst = make_list(130), make_list(30)
if GOOD:
    train_lst = shuffled(train_lst)
train_iter = ImageRecordIter([(int(l), im) for l, im in im2rec(train_lst)], 32, shuffle=True)
val_iter = ImageRecordIter([(int(l), im) for l, im in im2rec(val_lst)], 30, shuffle=False)

net = keras.Sequential([
    keras.Input((S, S, 3)),
    layers.Conv2D(16, 5, padding="same", activation="relu"),
    layers.MaxPooling2D(3, 2),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(3, 2),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(2),
    layers.Flatten(),
    layers.Dense(128, activation="relu"),
    layers.Dropout(0.5),
    layers.Dense(N_CLASSES, activation="softmax"),
])
net.compile(optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
            loss="sparse_categorical_crossentropy", metrics=["accuracy"])


def score(data_iter):
    hits = total = 0
    for x, y in data_iter:
        hits += int(np.sum(np.argmax(net.predict_on_batch(x), -1) == y))
        total += len(y)
    return hits / total


for epoch in range(10):
    net.reset_metrics()
    for x, y in train_iter:
        logs = net.train_on_batch(x, y, return_dict=True)
    print("Epoch[%d] Train-accuracy=%.4f Validation-accuracy=%.4f" % (epoch, logs["accuracy"], score(val_iter)))

print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", score(train_iter), score(val_iter)))
