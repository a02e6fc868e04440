"""
SOURCE: WeidiXie/cell_counting_v2 issue #9 ("How to escape all zeros prediction?"),
https://github.com/WeidiXie/cell_counting_v2/issues/9 (answer of the owner; his
training script was read)

SEEN: a fully convolutional net with batch normalisation (SGD, mse) shall give the
density map of the cells in a microscope picture. It converges to a map that is
zero everywhere, with a very low loss.
(Here: drawn pictures of 32 x 32, fewer maps.)

CAUSE: the target is 1 at one pixel for each cell, smoothed, so it is almost
everywhere zero and never more than 0.16; answering zero costs next to nothing.
FIX: multiply the dots by 100 before smoothing (and divide the sum of the output
by 100 for the number of cells), as the owner's script does.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import scipy.ndimage as ndimage
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
SIZE = 32
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def spot(cy, cx, sy, sx, t):
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    return np.exp(-(u / sx) ** 2 - (v / sy) ** 2)


def cells():
    img = np.zeros((SIZE, SIZE, 3)) + rng.normal(0, 10, (SIZE, SIZE, 3))
    dots = np.zeros((SIZE, SIZE))
    for _ in range(rng.integers(1, 8)):                     # cells
        cy, cx = rng.integers(3, SIZE - 3, 2)
        dots[cy, cx] = 255
        img[..., 2] += rng.uniform(90, 200) * spot(cy, cx, 2.3, 2.3, 0)
    for _ in range(rng.integers(2, 6)):                     # fibres
        cy, cx = rng.integers(0, SIZE, 2)
        img[..., 2] += rng.uniform(90, 200) * spot(cy, cx, 1.6, rng.uniform(8, 14), rng.uniform(0, 3.14))
    img[..., 2] += rng.uniform(60, 120) * spot(*rng.integers(0, SIZE, 2), 10, 10, 0)
    return np.clip(img, 0, 255), dots


if GOOD:
    multiplier = 100.0
else:
    multiplier = 1.0


def read_data(n):
    data, anno = [], []
    for _ in range(n):
        img, dots = cells()
        data.append(img)
        anno.append(ndimage.gaussian_filter(multiplier * (dots > 0), sigma=(1, 1), order=0))
    return np.asarray(data, "float32"), np.asarray(anno, "float32")[..., None]


data, anno = read_data(360)
data = (data - data.mean()) / data.std()
train_data, train_anno = data[:300], anno[:300]
val_data, val_anno = data[300:], anno[300:]


def conv_bn_relu(net, nb_filter):
    net = layers.Conv2D(nb_filter, 3, padding="same", use_bias=False, kernel_initializer="orthogonal")(net)
    net = layers.BatchNormalization(momentum=0.9)(net)
    return layers.Activation("relu")(net)


inp = keras.Input((SIZE, SIZE, 3))
net = conv_bn_relu(inp, 16)
net = layers.MaxPooling2D()(net)
net = conv_bn_relu(net, 32)
net = layers.MaxPooling2D()(net)
net = conv_bn_relu(net, 64)
net = layers.UpSampling2D()(net)
net = conv_bn_relu(net, 32)
net = layers.UpSampling2D()(net)
net = conv_bn_relu(net, 16)
out = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="orthogonal", name="pred")(net)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.SGD(1e-2, momentum=0.9, nesterov=True), loss="mse")


model.fit(train_data, train_anno, batch_size=10, epochs=28, verbose=2)


peak = multiplier * ndimage.gaussian_filter(np.pad([[1.0]], 8), sigma=(1, 1)).max()


def spots(m):
    """places of the cells in a map"""
    return np.argwhere((m == ndimage.maximum_filter(m, 3)) & (m > peak / 2))


def score(d, a):
    A = model.predict(d, verbose=0)[..., 0]
    hit = n_found = n_true = 0
    for m, t in zip(A, a[..., 0]):
        found, true = spots(m), list(map(tuple, spots(t)))
        n_found, n_true = n_found + len(found), n_true + len(true)
        for y, x in found:
            near = [c for c in true if (c[0] - y) ** 2 + (c[1] - x) ** 2 <= 4]
            if near:
                hit += 1
                true.remove(near[0])
    print("largest value of the map %.3f (true %.3f), mean %.4f (true %.4f); %d cells, %d found, %d right" % (
        A.max(), a.max(), A.mean(), a.mean(), n_true, n_found, hit))
    return 2 * hit / (n_found + n_true)


tr, va = score(train_data, train_anno), score(val_data, val_anno)
print("RESULT %s train=%.3f val=%.3f (F score of the cells found in the map)" % (sys.argv[1], tr, va))
