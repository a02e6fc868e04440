"""
SOURCE: https://github.com/qubvel-org/segmentation_models.pytorch/issues/234 ("dice_loss - -ve, iou_score - -ve"), comments of
    junjun1023 of 2021-04-23 and 2021-04-26 (own solution), read as an excerpt that stops within the last comment. U-Net with dice
    loss after the CamVid notebook; ported to Keras, no pretrained encoder, drawn persons here.
SEEN: The dice loss becomes negative and the IoU grows above 1, although the masks are in [0, 1].
CAUSE: The mask is read as a picture of three equal channels, so the ground truth is (batch, H, W, 3) while the prediction is
    (batch, H, W, 1); in the sum of ground truth times prediction the one channel is broadcast over three, the intersection is
    counted three times and the prediction only once.
FIX: One channel in the ground truth (the mask read as a grey picture).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(4)
rng = np.random.default_rng(21)
S = 40


def photo():
    yy, xx = np.mgrid[:S, :S].astype("float32")
    img = rng.uniform(0.2, 0.8, 3) + 0.15 * np.sin(xx / rng.uniform(2, 9) + rng.uniform(0, 6))[..., None] * rng.uniform(-1, 1, 3)
    img = img + 0.15 * np.cos(yy / rng.uniform(2, 9))[..., None] * rng.uniform(-1, 1, 3)
    m = np.zeros((S, S), bool)
    cx, cy, h = rng.uniform(11, 29), rng.uniform(6, 11), rng.uniform(19, 27)
    head = (xx - cx) ** 2 + (yy - cy) ** 2 < (h / 8) ** 2
    body = (np.abs(xx - cx) < h / 6) & (yy > cy + h / 9) & (yy < cy + h * 0.55)
    arms = (np.abs(xx - cx) < h / 3.2) & (np.abs(yy - cy - h * 0.22) < 1.5)
    legs = (np.abs(np.abs(xx - cx) - h / 10) < h / 16) & (yy >= cy + h * 0.5) & (yy < cy + h)
    m |= head | body | arms | legs
    skin, shirt, trousers = np.array([0.85, 0.65, 0.5]), rng.uniform(0, 1, 3), rng.uniform(0, 0.6, 3)
    for part, c in ((legs, trousers), (body, shirt), (arms, skin), (head, skin)):
        img[part] = c * rng.uniform(0.8, 1.1)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.integers(0, S - 8, 2)
        box = np.zeros((S, S), bool)
        box[y:y + rng.integers(4, 12), x:x + rng.integers(4, 12)] = True
        img[box & ~m] = rng.uniform(0, 1, 3)
    img = np.clip(img + rng.normal(0, 0.06, img.shape), 0, 1)
    mask_file = np.repeat((m * 255).astype(np.uint8)[..., None], 3, -1)
    return (img * 255).astype(np.uint8), mask_file


def imread_gray(a):
    return a[..., :1]


class Dataset(keras.utils.PyDataset):
    def __init__(self, n, batch_size, shuffle):
        super().__init__()
        self.items = [photo() for _ in range(n)]
        self.batch_size, self.shuffle = batch_size, shuffle
        self.order = np.arange(n)

    def __len__(self):
        return len(self.items) // self.batch_size

    def __getitem__(self, k):
        xs, ys = [], []
        for i in self.order[k * self.batch_size:(k + 1) * self.batch_size]:
            image, mask = self.items[i]
            if GOOD:
                mask = imread_gray(mask)
            xs.append(image.astype("float32") / 255.0)
            ys.append(mask.astype("float32") / 255.0)
        return np.stack(xs), np.stack(ys)

    def on_epoch_end(self):
        if self.shuffle:
            rng.shuffle(self.order)


def iou_score(gt, pr):
    pr = tf.cast(pr > 0.5, tf.float32)
    intersection = tf.reduce_sum(gt * pr)
    union = tf.reduce_sum(gt) + tf.reduce_sum(pr) - intersection + 1e-7
    return (intersection + 1e-7) / union


def dice_loss(gt, pr):
    tp = tf.reduce_sum(gt * pr)
    fp = tf.reduce_sum(pr) - tp
    fn = tf.reduce_sum(gt) - tp
    return 1 - (2 * tp + 1e-7) / (2 * tp + fn + fp + 1e-7)


def block(x, f):
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, padding="same", use_bias=False)(x)))
    return x


def Unet(f=6):
    inp = layers.Input((S, S, 3))
    a = block(inp, f)
    b = block(layers.MaxPooling2D()(a), 2 * f)
    c = block(layers.MaxPooling2D()(b), 4 * f)
    d = block(layers.MaxPooling2D()(c), 4 * f)
    x = block(layers.Concatenate()([layers.UpSampling2D()(d), c]), 4 * f)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), b]), 2 * f)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), a]), f)
    return keras.Model(inp, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


train_loader = Dataset(136, 8, True)
valid_loader = Dataset(48, 8, False)

model = Unet()
model.compile(keras.optimizers.Adam(0.003), loss=dice_loss, metrics=[iou_score])
h = model.fit(train_loader, validation_data=valid_loader, epochs=8, verbose=2).history

print("RESULT %s train=%.3f val=%.3f (iou_score; val dice_loss %.3f)" % (
    "good" if GOOD else "bad", h["iou_score"][-1], h["val_iou_score"][-1], h["val_loss"][-1]))
