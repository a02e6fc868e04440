"""Source: hengchuan/RDN-TensorFlow#3 ("Black output"), https://github.com/hengchuan/RDN-TensorFlow/issues/3
(answer of the owner, who has had it himself; the old deviation stands in a comment of the repository)

Seen: the super resolution model trained "as it comes" gives completely black pictures.

CAUSE: unsuitable initial weights: with the usual He deviation in every layer the many residual dense
blocks, which add up and have no normalisation, blow the values up, and the training does not get them back.
FIX: initialise the weights with stddev=0.01 (all but the last two layers, as in the corrected repository).
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_sample_images

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

SCALE, PATCH = 2, 12
G0, G, C, D = 16, 16, 2, 10
photos = [p.astype("float32") / 255. for p in load_sample_images().images]


def patches(n, left):
    lows, highs = [], []
    for k in range(n):
        p = photos[k % 2]
        p = p[:, :440] if left else p[:, 440:]
        s = PATCH * SCALE
        i, j = rng.integers(0, p.shape[0] - 2 * s), rng.integers(0, p.shape[1] - 2 * s)
        hr = p[i:i + 2 * s, j:j + 2 * s].reshape(s, 2, s, 2, 3).mean((1, 3))
        highs.append(hr)
        lows.append(hr.reshape(PATCH, SCALE, PATCH, SCALE, 3).mean((1, 3)))
    return np.stack(lows), np.stack(highs)


def conv(filters, size, inputs, stddev=None):
    if stddev is None:
        stddev = 0.01 if GOOD else np.sqrt(2.0 / size ** 2 / inputs)
    return layers.Conv2D(filters, size, padding="same", kernel_initializer=keras.initializers.RandomNormal(stddev=stddev))


class RDB(layers.Layer):
    def __init__(self):
        super().__init__()
        self.convs = [conv(G, 3, G * (k + 1)) for k in range(C)]
        self.fuse = conv(G, 1, G * (C + 1))

    def call(self, x):
        y = x
        for c in self.convs:
            y = tf.concat([y, tf.nn.relu(c(y))], -1)
        return x + self.fuse(y)


class RDN(keras.Model):
    def __init__(self):
        super().__init__()
        self.sfe1, self.sfe2 = conv(G0, 3, 3), conv(G, 3, G0)
        self.blocks = [RDB() for _ in range(D)]
        self.gff1, self.gff3 = conv(G0, 1, G * D), conv(G0, 3, G0)
        self.up1 = conv(32, 3, G0)
        self.up2 = conv(3 * SCALE * SCALE, 3, 32, np.sqrt(2.0 / 9 / 32))
        self.last = conv(3, 3, 3, np.sqrt(2.0 / 9 / 3))

    def call(self, x):
        f1 = self.sfe1(x)
        y = self.sfe2(f1)
        outs = []
        for b in self.blocks:
            y = b(y)
            outs.append(y)
        y = self.gff3(self.gff1(tf.concat(outs, -1))) + f1
        y = tf.nn.relu(self.up1(y))
        y = tf.nn.depth_to_space(self.up2(y), SCALE)
        return self.last(y)


x_train, y_train = patches(400, True)
x_val, y_val = patches(60, False)
model = RDN()
model.compile(keras.optimizers.Adam(1e-3), loss="mae")
model.fit(x_train, y_train, batch_size=8, epochs=16, validation_data=(x_val, y_val), verbose=2)


def psnr(x, y):
    p = np.clip(model.predict(x, verbose=0), 0, 1)
    return np.mean(-10 * np.log10(np.mean((p - y) ** 2, axis=(1, 2, 3))))


raw = model.predict(x_val, verbose=0)
print("output from %.2f to %.2f, mean after clipping %.3f" % (raw.min(), raw.max(), np.clip(raw, 0, 1).mean()), "picture mean %.3f" % y_val.mean())
print("RESULT %s train=%.2f val=%.2f (PSNR in dB)" % ("good" if GOOD else "bad", psnr(x_train, y_train), psnr(x_val, y_val)))
