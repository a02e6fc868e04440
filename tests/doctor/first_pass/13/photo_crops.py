"""
SOURCE: https://github.com/1204BUPT/Zhu-Net-image-steganalysis/issues/1 ("why always loss equal 0.6931?"; PyTorch there)
SEEN: The training loss of the steganalysis network stays at 0.6931 and the accuracy at 50 percent; larger batches and
    other optimisers do not help.
CAUSE: The list of cover names is made with x.split('\\\\')[-1], which only cuts off the folder on Windows. On Linux the
    names stay absolute paths, and os.path.join(stego_dir, absolute path) returns the cover's own path: every "stego"
    image is the cover image itself, so each image enters the batch twice, once with label 0 and once with label 1.
FIX: x.split(os.sep)[-1].
"""
import os
import sys
import tempfile
from glob import glob

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
SEP = os.sep if GOOD else "\\"

np.random.seed(0)
keras.utils.set_random_seed(0)
SIZE = 32


def draw_crop(rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    img = 120 + 60 * np.sin(rng.uniform(1, 5) * xx + rng.uniform(0, 6)) * np.cos(rng.uniform(1, 5) * yy + rng.uniform(0, 6))
    for _ in range(rng.integers(1, 4)):
        a, b, c = rng.normal(size=3)
        img = img + rng.uniform(-40, 40) * ((a * (xx - 0.5) + b * (yy - 0.5)) > 0.2 * c)
    img = img + rng.normal(0, rng.uniform(0.6, 1.6), img.shape)
    return np.clip(np.round(img), 2, 253).astype("uint8")


def embed(img, rng):
    grad = np.abs(np.gradient(img.astype(float))[0]) + np.abs(np.gradient(img.astype(float))[1])
    rate = 0.35 + 0.25 * (grad > np.median(grad))
    change = (rng.uniform(size=img.shape) < rate) * rng.choice([-2, -1, 1, 2], size=img.shape)
    return np.clip(img.astype(int) + change, 0, 255).astype("uint8")


def write_set(root, name, count, rng):
    cover_dir = os.path.join(root, name, "cover")
    stego_dir = os.path.join(root, name, "stego")
    os.makedirs(cover_dir)
    os.makedirs(stego_dir)
    for i in range(count):
        img = draw_crop(rng)
        np.save(os.path.join(cover_dir, "%05d.npy" % i), img)
        np.save(os.path.join(stego_dir, "%05d.npy" % i), embed(img, rng))
    return cover_dir, stego_dir


class DatasetPair(keras.utils.PyDataset):
    def __init__(self, cover_dir, stego_dir, batch_size, shuffle):
        super().__init__()
        self.cover_dir = cover_dir
        self.stego_dir = stego_dir
        self.cover_list = [x.split(SEP)[-1] for x in sorted(glob(cover_dir + "/*"))]
        assert len(self.cover_list) != 0, "cover_dir is empty"
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.order = np.arange(len(self.cover_list))
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.shuffle:
            np.random.shuffle(self.order)

    def __len__(self):
        return len(self.cover_list) // self.batch_size

    def __getitem__(self, index):
        images, labels = [], []
        for i in self.order[index * self.batch_size:(index + 1) * self.batch_size]:
            cover = np.load(os.path.join(self.cover_dir, self.cover_list[i]))
            stego = np.load(os.path.join(self.stego_dir, self.cover_list[i]))
            images += [cover[..., None], stego[..., None]]
            labels += [0, 1]
        return np.array(images, "float32"), np.array(labels)


def srm_kernels():
    k = np.zeros((5, 5, 1, 8), "float32")
    k[2, 2, 0, 0], k[2, 3, 0, 0] = -1, 1
    k[2, 2, 0, 1], k[3, 2, 0, 1] = -1, 1
    k[2, 1:4, 0, 2] = [1, -2, 1]
    k[1:4, 2, 0, 3] = [1, -2, 1]
    k[1:4, 1:4, 0, 4] = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 2
    k[2, 0:4, 0, 5] = [1, -3, 3, -1]
    k[0:4, 2, 0, 6] = [1, -3, 3, -1]
    k[:, :, 0, 7] = np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2],
                              [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]) / 4
    return k


def zhu_net():
    inp = keras.Input((SIZE, SIZE, 1))
    pre = layers.Conv2D(8, 5, padding="same")
    x = layers.Activation("relu")(pre(inp))
    for filters in (16, 24, 32):
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
        x = layers.AveragePooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(32, activation="relu")(x)
    out = layers.Dense(2, activation="softmax")(x)
    model = keras.Model(inp, out)
    pre.set_weights([srm_kernels(), np.zeros(8, "float32")])
    return model


rng = np.random.default_rng(7)
root = tempfile.mkdtemp(prefix="bows_")
train_cover, train_stego = write_set(root, "train", 700, rng)
valid_cover, valid_stego = write_set(root, "valid", 200, rng)

train_loader = DatasetPair(train_cover, train_stego, 16, True)
valid_loader = DatasetPair(valid_cover, valid_stego, 16, False)

model = zhu_net()
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.005, momentum=0.9),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train_loader, validation_data=valid_loader, epochs=14, verbose=2)

_, train_acc = model.evaluate(train_loader, verbose=0)
_, valid_acc = model.evaluate(valid_loader, verbose=0)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", train_acc, valid_acc))
