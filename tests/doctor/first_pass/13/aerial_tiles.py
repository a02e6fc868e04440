"""
SOURCE: https://github.com/ayushdabra/dubai-satellite-imagery-segmentation/issues/3 ("output after prediction is not
    correct"; a small U-Net and drawn tiles here)
SEEN: Training looks right, but the masks predicted for an image are plainly wrong.
CAUSE: The network was trained on images divided by 255; the prediction code feeds it the raw 0 to 255 image.
FIX: img / 255.0 in the prediction code too.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
S = 32
LABELS = ["land", "building", "road", "vegetation", "water"]
COLOURS = np.array([[196, 172, 138], [214, 205, 198], [112, 110, 112], [88, 112, 66], [62, 104, 128]], float)


def draw_tile():
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    mask = np.zeros((S, S), int)
    for _ in range(rng.integers(1, 4)):
        cx, cy, a, b = rng.uniform(0, S), rng.uniform(0, S), rng.uniform(4, 11), rng.uniform(3, 8)
        mask[((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 < 1] = 3
    if rng.uniform() < 0.5:
        t = rng.uniform(0, 6.3)
        mask[(xx - 16) * np.cos(t) + (yy - 16) * np.sin(t) + 2 * np.sin(xx / 4) > rng.uniform(5, 14)] = 4
    t, off, w = rng.uniform(0, 3.2), rng.normal(0, 5), rng.uniform(1.2, 2.4)
    mask[np.abs((xx - 16) * np.cos(t) + (yy - 16) * np.sin(t) - off) < w] = 2
    for _ in range(rng.integers(2, 7)):
        x0, y0, w, h = rng.integers(0, S - 4), rng.integers(0, S - 4), rng.integers(3, 8), rng.integers(3, 8)
        mask[y0:y0 + h, x0:x0 + w] = 1
    tint = rng.normal(0, 12, (5, 3))
    img = (COLOURS + tint)[mask] * rng.uniform(0.8, 1.15)
    img += rng.normal(0, 1, (S, S, 1)) * np.array([8, 16, 9, 22, 6])[mask][..., None] + rng.normal(0, 6, img.shape)
    return np.clip(img, 0, 255).astype("uint8"), mask


tiles = [draw_tile() for _ in range(230)]
train_tiles, test_tiles = tiles[:190], tiles[190:]


def batches(pairs):
    def gen():
        for i in np.random.permutation(len(pairs)):
            yield pairs[i]

    ds = tf.data.Dataset.from_generator(gen, output_signature=(tf.TensorSpec((S, S, 3), tf.uint8),
                                                               tf.TensorSpec((S, S), tf.int64)))
    return ds.map(lambda im, ma: (tf.cast(im, tf.float32) / 255.0, tf.one_hot(ma, len(LABELS)))).batch(16)


def block(x, ch):
    x = layers.Conv2D(ch, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(ch, 3, padding="same")(x)
    return layers.Activation("relu")(x)


inp = keras.Input((S, S, 3))
c1 = block(inp, 10)
c2 = block(layers.MaxPooling2D()(c1), 20)
c3 = block(layers.MaxPooling2D()(c2), 28)
u2 = block(layers.Concatenate()([layers.Conv2DTranspose(20, 2, strides=2)(c3), c2]), 20)
u1 = block(layers.Concatenate()([layers.Conv2DTranspose(10, 2, strides=2)(u2), c1]), 10)
model = keras.Model(inp, layers.Conv2D(len(LABELS), 1, activation="softmax")(u1))
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(batches(train_tiles), validation_data=batches(test_tiles), epochs=8, verbose=2)


def predict_mask(img):
    img = np.expand_dims(img.astype("float32"), 0)
    if GOOD:
        img = img / 255.0
    return np.argmax(model.predict_on_batch(img)[0], -1)


def mean_iou(pairs):
    pred = np.stack([predict_mask(img) for img, _ in pairs])
    true = np.stack([mask for _, mask in pairs])
    return float(np.mean([np.sum((pred == c) & (true == c)) / max(1, np.sum((pred == c) | (true == c)))
                          for c in range(len(LABELS))]))


print("RESULT %s train=%.3f val=%.3f (mean IoU of the predicted masks)"
      % ("good" if GOOD else "bad", mean_iou(train_tiles[:60]), mean_iou(test_tiles)))
