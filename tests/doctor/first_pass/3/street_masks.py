"""
SOURCE: https://github.com/HasnainRaz/FC-DenseNet-TensorFlow/issues/16 ("the iou always equals to 0.5 when I use my
dataset to train the model")

SEEN: an FC-DenseNet on own pictures with binary masks (pixel values 0 and 1), code otherwise unchanged. The loss
goes down, but the mean IoU stays at about 0.5: the foreground is never predicted.

CAUSE: the data loader divides the masks by 255 like the pictures; the masks already are 0/1 and become 0
everywhere when they are cast to integers.
FIX: leave the normalisation of the masks out.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
H, W = 32, 48


def sample():
    xx = np.arange(W)
    mask = np.zeros((H, W), np.uint8)
    a, b = rng.uniform(6, 24), rng.uniform(-.25, .25)
    for x in xx:
        c = int(a + b * x)
        mask[max(c - 4, 0):max(c + 4, 0), x] = 1
    img = rng.normal(100, 14, (H, W, 3))
    img[mask == 1] = rng.normal(135, 14, (int(mask.sum()), 3))
    return np.clip(img, 0, 255).astype(np.uint8), mask[..., None]


def raw(n):
    s = [sample() for _ in range(n)]
    return np.stack([a for a, _ in s]), np.stack([b for _, b in s])


def _normalize(image, mask):
    image = tf.cast(image, tf.float32) / 255.0
    if not GOOD:
        mask = tf.cast(mask, tf.float32) / 255.0
    return image, tf.cast(mask, tf.int32)


def loader(images, masks, training):
    ds = tf.data.Dataset.from_tensor_slices((images, masks))
    if training:
        ds = ds.shuffle(len(images))
    return ds.map(_normalize).batch(16).prefetch(2)


train_img, train_msk = raw(192)
test_img, test_msk = raw(48)


class DenseBlock(layers.Layer):
    def __init__(self, n, growth):
        super().__init__()
        self.convs = [layers.Conv2D(growth, 3, padding="same", activation="relu") for _ in range(n)]

    def call(self, x):
        for c in self.convs:
            x = tf.concat([x, c(x)], axis=-1)
        return x


class Tiramisu(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Conv2D(12, 3, padding="same", activation="relu")
        self.d1, self.d2, self.d3 = DenseBlock(2, 8), DenseBlock(2, 8), DenseBlock(2, 8)
        self.down = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")
        self.up = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")
        self.head = layers.Conv2D(2, 1)

    def call(self, x):
        a = self.d1(self.first(x))
        b = self.d2(self.down(a))
        return self.head(self.d3(tf.concat([a, self.up(b)], axis=-1)))


def mean_iou(model, images, masks):
    pred = model.predict(images.astype("float32") / 255.0, batch_size=32, verbose=0).argmax(-1)
    true = masks[..., 0]
    return np.mean([(((pred == k) & (true == k)).sum() + 1e-9) / (((pred == k) | (true == k)).sum() + 1e-9) for k in (0, 1)])


model = Tiramisu()
model.compile(optimizer=keras.optimizers.Adam(1e-3),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(loader(train_img, train_msk, True), validation_data=loader(test_img, test_msk, False), epochs=6, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad",
      mean_iou(model, train_img, train_msk), mean_iou(model, test_img, test_msk)))
