"""Source: vanvalenlab/deepcell-tf#445 (whole-image normalization has no epsilon in the denominator),
https://github.com/vanvalenlab/deepcell-tf/issues/445 (also deepcell-toolbox#71, pull request deepcell-tf#446)

Seen: "weird bugs during training" of the cell models; the pull request speaks of NaN errors.

CAUSE: the layer that standardises each picture divides by the standard deviation of that picture,
which is 0 (or next to it) for empty tiles.
FIX: a constant (0.001) added to the denominator.
"""
import sys
import numpy as np
import keras
from keras import layers, ops
from scipy.ndimage import gaussian_filter

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

SIZE = 48


def tile(empty):
    nuclear = np.full((SIZE, SIZE), 0.0, "float32")
    centre = np.zeros((SIZE, SIZE), "float32")
    if empty:
        return nuclear, centre
    yy, xx = np.mgrid[:SIZE, :SIZE]
    for _ in range(rng.integers(3, 8)):
        cy, cx = rng.uniform(5, SIZE - 5, 2)
        r = rng.uniform(3, 6)
        d = np.hypot(yy - cy, xx - cx)
        nuclear += (d < r) * rng.uniform(300, 900)
        centre = np.maximum(centre, np.clip(1 - d / r, 0, None))
    nuclear = gaussian_filter(nuclear, 1.0) + rng.normal(200, 15, nuclear.shape)
    return nuclear.astype("float32"), centre.astype("float32")


def data(n):
    parts = [tile(rng.random() < 0.04) for _ in range(n)]
    x = np.stack([p[0] for p in parts])[..., None]
    y = np.stack([p[1] for p in parts])[..., None]
    return x, y


class ImageNormalization(layers.Layer):
    """Every channel of every picture to mean 0 and deviation 1."""

    def call(self, x):
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        std = ops.std(x, axis=(1, 2), keepdims=True)
        if GOOD:
            std = std + 0.001
        return (x - mean) / std


def build():
    inputs = keras.Input((SIZE, SIZE, 1))
    x = ImageNormalization()(inputs)
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    skip = x
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
    x = layers.UpSampling2D()(x)
    x = layers.Concatenate()([x, skip])
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    out = layers.Conv2D(1, 1, name="inner_distance")(x)
    return keras.Model(inputs, out)


x_train, y_train = data(320)
x_val, y_val = data(80)
model = build()
model.compile(keras.optimizers.Adam(1e-3, clipnorm=0.001), loss="mse")
model.fit(x_train, y_train, epochs=8, batch_size=16, validation_data=(x_val, y_val), verbose=2)


def r2(x, y):
    p = model.predict(x, verbose=0)
    return 1 - np.mean((p - y) ** 2) / np.var(y)


print("RESULT %s train=%.3f val=%.3f (R2 of the distance maps)" % ("good" if GOOD else "bad", r2(x_train, y_train), r2(x_val, y_val)))
