"""
Source: keras-team/keras#10666 ("Batch normalization causes validation loss to fluctuate wildly")

Seen: a u-net with batch normalisation after every convolution; the training loss falls nicely, but the validation loss jumps up and down
and is far worse. Without batch normalisation, or in Chainer, the same network is fine.

CAUSE: BatchNormalization's default momentum 0.99 lets the moving mean and variance follow far too slowly for so few steps per epoch, so validation uses stale statistics.
FIX: momentum=0.9 in the batch normalisation layers.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)

S = 32
yy, xx = np.mgrid[0:S, 0:S]


def tile():
    ground = rng.normal(0.55, 0.08, (S, S, 3))
    a, off, width = rng.uniform(0, np.pi), rng.uniform(-8, 8), rng.uniform(2, 4)
    d = (yy - S / 2) * np.cos(a) + (xx - S / 2) * np.sin(a) - off
    road = np.abs(d) < width
    ground[road] -= 0.25
    return ground.astype("float32"), road.astype("float32")[..., None]


tiles = [tile() for _ in range(176)]
X = np.array([t[0] for t in tiles])
Y = np.array([t[1] for t in tiles])
X_train, Y_train, X_val, Y_val = X[:128], Y[:128], X[128:], Y[128:]


def conv(x, f):
    x = layers.Conv2D(f, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x) if GOOD else layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)


inputs = keras.Input((S, S, 3))
d1 = conv(conv(inputs, 8), 8)
d2 = conv(layers.MaxPooling2D()(d1), 16)
d3 = conv(layers.MaxPooling2D()(d2), 32)
u2 = conv(layers.concatenate([layers.UpSampling2D()(d3), d2]), 16)
u1 = conv(layers.concatenate([layers.UpSampling2D()(u2), d1]), 8)
outputs = layers.Conv2D(1, 1, activation="sigmoid")(u1)

model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
h = model.fit(X_train, Y_train, batch_size=32, epochs=12, validation_data=(X_val, Y_val), verbose=2).history
print(f"RESULT {sys.argv[1]} train={h['loss'][-1]:.3f} val={h['val_loss'][-1]:.3f} (loss; val_accuracy {h['val_accuracy'][-1]:.3f})")
