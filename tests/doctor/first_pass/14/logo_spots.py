"""
SOURCE: https://github.com/AyanKumarBhunia/Deep-One-Shot-Logo-Retrieval/issues/7 ("Why softmax for binary cross entropy loss"), whole
    thread and the network of the repository seen. One-shot localisation of a logo: target picture and query logo in, mask out;
    a small version with drawn logos here.
SEEN: With softmax as the last layer (as the paper says) the training does not show any good results, nearly all pixels are wrong.
    With sigmoid the validation accuracy reaches 98 %, the validation loss 3 %.
CAUSE: The output has a single channel (batch, H, W, 1), and a softmax over one channel is 1 for every pixel: every
    pixel is taken for logo, whatever the weights are.
FIX: sigmoid instead of softmax on the output layer.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(9)
rng = np.random.default_rng(33)
T, Q, LOGOS = 32, 16, 6


def logo(kind, size):
    u = (np.mgrid[:size, :size] + 0.5) / size * 2 - 1
    y, x = u
    r = np.hypot(x, y)
    if kind == 0:
        shape, colour = r < 0.95, (0.9, 0.1, 0.1)
    elif kind == 1:
        shape, colour = (r < 0.95) & (r > 0.5), (0.1, 0.2, 0.8)
    elif kind == 2:
        shape, colour = (np.abs(x) < 0.3) | (np.abs(y) < 0.3), (0.1, 0.65, 0.2)
    elif kind == 3:
        shape, colour = (y > -0.9) & (np.abs(x) < (y + 0.9) / 1.9), (0.95, 0.8, 0.1)
    elif kind == 4:
        shape, colour = (np.abs(x) + np.abs(y) < 0.95), (0.6, 0.1, 0.6)
    else:
        shape, colour = (np.abs(y) > 0.35) & (np.abs(x) < 0.95), (0.95, 0.5, 0.1)
    return shape, np.array(colour)


def paste(img, kind, where=None):
    s = rng.integers(8, 13)
    y, x = rng.integers(0, T - s, 2) if where is None else where
    shape, colour = logo(kind, s)
    img[y:y + s, x:x + s][shape] = np.clip(colour + rng.normal(0, 0.05, 3), 0, 1)
    m = np.zeros((T, T), "float32")
    m[y:y + s, x:x + s][shape] = 1
    return m


def sample():
    yy, xx = np.mgrid[:T, :T]
    img = rng.uniform(0.2, 0.8, 3) + 0.12 * np.sin(xx / rng.uniform(2, 8))[..., None] + 0.12 * np.cos(yy / rng.uniform(2, 8))[..., None]
    kind = rng.integers(0, LOGOS)
    other = (kind + rng.integers(1, LOGOS)) % LOGOS
    wrong = paste(img, other)
    mask = paste(img, kind)
    img = np.clip(img * rng.uniform(0.8, 1.1) + rng.normal(0, 0.06, img.shape), 0, 1)
    query = np.ones((Q, Q, 3)) * rng.uniform(0.85, 1.0)
    shape, colour = logo(kind, Q - 2)
    query[1:-1, 1:-1][shape] = colour
    query = np.clip(query + rng.normal(0, 0.04, query.shape), 0, 1)
    return img.astype("float32"), query.astype("float32"), mask[..., None]


def triplets(n):
    s = [sample() for _ in range(n)]
    return np.stack([a for a, _, _ in s]), np.stack([b for _, b, _ in s]), np.stack([c for _, _, c in s])


target, query, mask = triplets(480)
vt, vq, vm = triplets(100)


def conv(x, f, k=3):
    return layers.Conv2D(f, k, padding="same", activation="relu")(x)


def tile(code, ref):
    n = ref.shape[1]
    return layers.UpSampling2D((n, n))(code)


in1 = layers.Input((T, T, 3), name="Target")
in2 = layers.Input((Q, Q, 3), name="Query")
c1 = conv(in1, 8)
c2 = conv(layers.MaxPooling2D()(c1), 16)
c3 = conv(layers.MaxPooling2D()(c2), 24)
p3 = layers.MaxPooling2D()(c3)

b = layers.MaxPooling2D()(conv(in2, 8))
b = layers.MaxPooling2D()(conv(b, 16))
b = layers.Conv2D(32, 4, activation="relu")(b)

d = conv(layers.Concatenate()([p3, tile(b, p3)]), 24)
d = layers.Conv2DTranspose(20, 3, strides=2, padding="same", activation="relu")(d)
f3 = conv(layers.Concatenate()([c3, tile(b, c3)]), 20, 1)
d = conv(layers.Concatenate()([d, f3]), 20)
d = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(d)
f2 = conv(layers.Concatenate()([c2, tile(b, c2)]), 16, 1)
d = conv(layers.Concatenate()([d, f2]), 16)
d = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(d)
out = layers.Conv2D(1, 3, padding="same", activation="sigmoid" if GOOD else "softmax", name="Output")(d)

model = keras.Model([in1, in2], out)
model.compile(keras.optimizers.Adam(0.002), loss="binary_crossentropy", metrics=["accuracy"])
model.fit([target, query], mask, validation_data=([vt, vq], vm), batch_size=16, epochs=13, verbose=2)

lt, at = model.evaluate([target, query], mask, batch_size=50, verbose=0)
lv, av = model.evaluate([vt, vq], vm, batch_size=50, verbose=0)
p = model.predict([vt, vq], batch_size=50, verbose=0) > 0.5
print("val IoU %.3f" % ((p & (vm > 0)).sum() / (p | (vm > 0)).sum()))
print("RESULT %s train=%.3f val=%.3f (pixel accuracy; val loss %.3f)" % ("good" if GOOD else "bad", at, av, lv))
