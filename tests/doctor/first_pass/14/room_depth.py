"""
SOURCE: https://github.com/shariqfarooq123/AdaBins/issues/16 ("Nan Loss after a couple of epochs"; answer of the author, confirmed by
    hahawhat-ch 2021-03-12), almost the whole thread and loss.py seen. Depth of a room from one picture with the SILog loss, own
    data; PyTorch ported to Keras, a small U-Net and drawn rooms here.
SEEN: With the own data the loss is nan after a couple of epochs, the network then gives nan everywhere; clipping the gradient does
    not help.
CAUSE: The depth maps of the sensor contain zeros at some places (no measurement); the loss takes the logarithm of the depth, so
    one such pixel in a batch makes it infinite and the gradient nan, and all the weights with it.
FIX: Clip the depth from below to a small positive minimum (1e-3).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(12)
rng = np.random.default_rng(40)
H, W, CH, CW, MAX_DEPTH = 36, 48, 32, 40, 10.0


def room():
    yy, xx = np.mgrid[:H, :W].astype("float32")
    wall = rng.uniform(3.0, 8.0)
    f = rng.uniform(16, 20)
    vy, vx = H / 2 + rng.uniform(-4, 4), W / 2 + rng.uniform(-6, 6)
    cam, ceil, half = rng.uniform(1.2, 1.6), rng.uniform(1.0, 1.4), rng.uniform(1.8, 3.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(yy > vy, f * cam / (yy - vy), 99)
        top = np.where(yy < vy, f * ceil / (vy - yy), 99)
        side = f * half / np.abs(xx - vx)
    d = np.minimum(np.minimum(floor, top), np.minimum(side, wall))
    which = np.argmin(np.stack([floor, top, side, np.full_like(d, wall)]), 0)
    col = np.array([[0.5, 0.38, 0.27], [0.85, 0.85, 0.82], [0.68, 0.66, 0.6], [0.6, 0.62, 0.66]]) + rng.normal(0, 0.06, (4, 3))
    img = col[which]
    for _ in range(rng.integers(1, 4)):
        z = rng.uniform(1.2, wall)
        w, h = f * rng.uniform(0.3, 0.7) / z, f * rng.uniform(0.4, 1.0) / z
        bx, base = rng.uniform(4, W - 4), vy + f * cam / z
        m = (np.abs(xx - bx) < w) & (yy < base) & (yy > base - h) & (d > z)
        d[m] = z
        img[m] = rng.uniform(0.1, 0.8, 3)
    shade = 1.25 / (1 + 0.16 * d)
    img = np.clip(img * shade[..., None] + rng.normal(0, 0.025, img.shape), 0, 1)
    d = np.clip(d, 0.3, MAX_DEPTH) * (1 + rng.normal(0, 0.01, d.shape))
    if rng.random() < 0.07:
        d[:2, -2:] = 0.0
    return img.astype("float32"), d.astype("float32")


def build(n):
    s = [room() for _ in range(n)]
    return np.stack([a for a, _ in s]), np.stack([b for _, b in s])[..., None]


class DepthData:
    def __init__(self, n, mode):
        self.image, self.depth = build(n)
        if GOOD:
            self.depth = np.maximum(self.depth, 1e-3)
        self.mode = mode

    def __len__(self):
        return len(self.image)

    def batches(self, size):
        if self.mode == "train":
            for idx in np.array_split(rng.permutation(len(self)), len(self) // size):
                xs, ds = [], []
                for i in idx:
                    y, x = rng.integers(0, H - CH + 1), rng.integers(0, W - CW + 1)
                    im, d = self.image[i, y:y + CH, x:x + CW], self.depth[i, y:y + CH, x:x + CW]
                    if rng.random() < 0.5:
                        im, d = im[:, ::-1], d[:, ::-1]
                    gamma, bright = rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1)
                    xs.append(np.clip(im ** gamma * bright, 0, 1))
                    ds.append(d)
                yield np.stack(xs), np.stack(ds)
        else:
            y, x = (H - CH) // 2, (W - CW) // 2
            for k in range(0, len(self), size):
                yield self.image[k:k + size, y:y + CH, x:x + CW], self.depth[k:k + size, y:y + CH, x:x + CW]


def block(x, f):
    for _ in range(2):
        x = layers.LeakyReLU(negative_slope=0.01)(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, padding="same")(x)))
    return x


def unet(f=7):
    inp = layers.Input((CH, CW, 3))
    a = block(inp, f)
    b = block(layers.MaxPooling2D()(a), 2 * f)
    c = block(layers.MaxPooling2D()(b), 3 * f)
    d = block(layers.MaxPooling2D()(c), 4 * f)
    x = block(layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(d), c]), 3 * f)
    x = block(layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), b]), 2 * f)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = layers.Conv2D(1, 3, padding="same")(layers.Concatenate()([x, a]))
    return keras.Model(inp, layers.Lambda(lambda t: 1e-3 + MAX_DEPTH * tf.sigmoid(t))(x))


def silog(pred, target):
    g = tf.math.log(pred) - tf.math.log(target)
    dg = tf.math.reduce_variance(g) + 0.15 * tf.reduce_mean(g) ** 2
    return 10 * tf.sqrt(dg)


train_loader, test_loader = DepthData(128, "train"), DepthData(30, "online_eval")
model = unet()
epochs, bs = 6, 8
steps = len(train_loader) // bs
schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * steps)
optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.01, clipnorm=0.5)


@tf.function
def step(x, d):
    with tf.GradientTape() as tape:
        loss = silog(model(x, training=True), d)
    g = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(g, model.trainable_variables))
    return loss


def errors(loader):
    rel, hit, n = 0.0, 0.0, 0
    for x, d in loader.batches(10):
        p = model(x, training=False).numpy()
        ok = d > 1e-3
        rel += (np.abs(p - d)[ok] / d[ok]).sum()
        hit += (np.maximum(p[ok] / d[ok], d[ok] / p[ok]) < 1.25).sum()
        n += ok.sum()
    return rel / n, hit / n


for epoch in range(epochs):
    losses = [float(step(x, d)) for x, d in train_loader.batches(bs)]
    rel, a1 = errors(test_loader)
    print("Epoch: %d/%d. Train/SILog %.3f  abs_rel %.3f  a1 %.3f" % (epoch + 1, epochs, np.mean(losses), rel, a1), flush=True)

rt, _ = errors(train_loader)
print("RESULT %s train=%.3f val=%.3f (abs_rel, lower is better; val a1 %.3f)" % ("good" if GOOD else "bad", rt, rel, a1))
