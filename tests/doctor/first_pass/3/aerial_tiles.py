"""
SOURCE: https://github.com/keras-team/keras/issues/7702 ("ImageDataGenerator doesn't work properly with shuffle
when transforming image and mask together")

SEEN: a U-net on pictures and masks kept in two folders with the same file names, one generator per folder,
both with shuffle=True and the same seed. The net does not learn the masks; looking at what comes out, the mask
does not belong to the picture.

CAUSE: the two folders list their files in different orders, so that the equal seed pairs pictures with the
masks of other pictures.
FIX: sort the file names of each folder before iterating over them.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)
S = 32


def make_tile():
    yy, xx = np.mgrid[0:S, 0:S]
    m = np.zeros((S, S), bool)
    for _ in range(rng.integers(1, 3)):
        y, x = rng.integers(2, 20, 2)
        h, w = rng.integers(7, 13, 2)
        m[y:y + h, x:x + w] = True
    img = rng.normal(0.35, 0.08, (S, S, 3))
    img[m] += (0.3, 0.2, 0.1)
    return np.clip(img, 0, 1).astype("float32"), m[..., None].astype("float32")


def fill_folders(n, first):
    pictures, masks = {}, {}
    tiles = {"tile_%04d.png" % (first + i): make_tile() for i in range(n)}
    for name, (img, _) in tiles.items():
        pictures[name] = img
    # masks come from the annotation tool
    for name in rng.permutation(list(tiles)):
        masks[str(name)] = tiles[name][1]
    return pictures, masks


class FolderIterator:
    """endless batches of one folder, reshuffled in each round"""

    def __init__(self, folder, batch_size, seed):
        self.folder, self.batch_size = folder, batch_size
        self.filenames = list(folder)
        if GOOD:
            self.filenames.sort()
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.filenames) // self.batch_size

    def __iter__(self):
        while True:
            order = self.rng.permutation(len(self.filenames))
            for b in range(len(self)):
                idx = order[b * self.batch_size:(b + 1) * self.batch_size]
                yield np.stack([self.folder[self.filenames[i]] for i in idx])


train_pics, train_masks = fill_folders(320, 0)
val_pics, val_masks = fill_folders(64, 5000)
BATCH = 16


def pairs(pics, masks):
    for x, y in zip(FolderIterator(pics, BATCH, seed=1), FolderIterator(masks, BATCH, seed=1)):
        yield x, y


def conv_block(x, f):
    x = layers.Conv2D(f, 3, padding="same", activation="relu")(x)
    return layers.Conv2D(f, 3, padding="same", activation="relu")(x)


inp = keras.Input((S, S, 3))
c1 = conv_block(inp, 8)
c2 = conv_block(layers.MaxPooling2D()(c1), 16)
c3 = conv_block(layers.MaxPooling2D()(c2), 32)
u2 = conv_block(layers.Concatenate()([layers.UpSampling2D()(c3), c2]), 16)
u1 = conv_block(layers.Concatenate()([layers.UpSampling2D()(u2), c1]), 8)
out = layers.Conv2D(1, 1, activation="sigmoid")(u1)
unet = keras.Model(inp, out)
unet.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy",
             metrics=[keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")])
h = unet.fit(pairs(train_pics, train_masks), steps_per_epoch=20, epochs=10,
             validation_data=pairs(val_pics, val_masks), validation_steps=4, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["iou"][-1], h.history["val_iou"][-1]))
