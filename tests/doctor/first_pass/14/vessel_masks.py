"""
SOURCE: https://github.com/bigmb/Unet-Segmentation-Pytorch-Nest-of-Unets/issues/18 ("Negative number occur in 'Loss' ..."), whole
    thread seen. U-Net in PyTorch with a sum of BCE-with-logits and dice, ported to Keras; drawn vessels here.
SEEN: After a few epochs the loss becomes negative (the part of the binary cross-entropy) and goes on falling; the masks that
    come out are not those that were drawn.
CAUSE: The augmentation and the normalisation to [-1, 1] (ToTensor, Normalize(0.5, 0.5)) are applied to the mask as well as to
    the picture, so that the targets of the binary cross-entropy are -1 and 1 instead of 0 and 1.
FIX: Keep the mask in {0, 1}; only the picture is normalised (the turning and flipping stay the same for both).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(3)
rng = np.random.default_rng(11)
S = 48


def vessel_picture():
    mask = np.zeros((S, S), np.float32)
    for _ in range(rng.integers(2, 5)):
        p = rng.uniform(0, S, 2)
        a = rng.uniform(0, 2 * np.pi)
        width = rng.uniform(1.0, 2.2)
        for _ in range(60):
            a += rng.normal(0, 0.18)
            p = p + np.array([np.cos(a), np.sin(a)])
            if not (0 <= p[0] < S and 0 <= p[1] < S):
                break
            yy, xx = np.ogrid[:S, :S]
            mask[(yy - p[0]) ** 2 + (xx - p[1]) ** 2 <= width ** 2] = 1
    yy, xx = np.mgrid[:S, :S] / S
    back = 0.55 + 0.25 * np.sin(3 * yy + rng.uniform(0, 6)) * np.cos(2 * xx + rng.uniform(0, 6))
    img = np.stack([back, back * 0.7, back * 0.45], -1)
    img -= mask[..., None] * rng.uniform(0.12, 0.25)
    img += rng.normal(0, 0.07, img.shape)
    return (np.clip(img, 0, 1) * 255).astype(np.uint8), (mask * 255).astype(np.uint8)


def folder(n):
    pairs = [vessel_picture() for _ in range(n)]
    return np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])[..., None]


def augment(a, seed):
    r = np.random.default_rng(seed)
    a = np.rot90(a, r.integers(0, 4))
    if r.random() < 0.5:
        a = a[:, ::-1]
    return a


def to_tensor(a):
    return a.astype("float32") / 255.0


def normalize(a):
    return (a - 0.5) / 0.5


class Images_Dataset:
    def __init__(self, images, masks, train):
        self.images, self.masks, self.train = images, masks, train
        self.count = 0

    def __len__(self):
        return len(self.images)

    def item(self, i):
        img, lab = self.images[i], self.masks[i]
        if self.train:
            self.count += 1
            img, lab = augment(img, self.count), augment(lab, self.count)
        img, lab = to_tensor(img), to_tensor(lab)
        img = normalize(img)
        if not GOOD:
            lab = normalize(lab)
        return img, lab

    def batches(self, size):
        order = rng.permutation(len(self)) if self.train else np.arange(len(self))
        for k in range(0, len(order), size):
            part = [self.item(i) for i in order[k:k + size]]
            yield np.stack([p[0] for p in part]), np.stack([p[1] for p in part])


def conv_block(x, f):
    for _ in range(2):
        x = layers.Conv2D(f, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    return x


def U_Net(f=8):
    inp = layers.Input((S, S, 3))
    e1 = conv_block(inp, f)
    e2 = conv_block(layers.MaxPooling2D()(e1), 2 * f)
    e3 = conv_block(layers.MaxPooling2D()(e2), 4 * f)
    d2 = layers.Conv2D(2 * f, 3, padding="same", activation="relu")(layers.UpSampling2D()(e3))
    d2 = conv_block(layers.Concatenate()([e2, d2]), 2 * f)
    d1 = layers.Conv2D(f, 3, padding="same", activation="relu")(layers.UpSampling2D()(d2))
    d1 = conv_block(layers.Concatenate()([e1, d1]), f)
    return keras.Model(inp, layers.Conv2D(1, 1)(d1))


def dice_loss(prediction, target):
    smooth = 1.0
    i_flat, t_flat = tf.reshape(prediction, [-1]), tf.reshape(target, [-1])
    intersection = tf.reduce_sum(i_flat * t_flat)
    return 1 - (2.0 * intersection + smooth) / (tf.reduce_sum(i_flat) + tf.reduce_sum(t_flat) + smooth)


def calc_loss(prediction, target, bce_weight=0.5):
    bce = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=prediction))
    prediction = tf.sigmoid(prediction)
    dice = dice_loss(prediction, target)
    return bce * bce_weight + dice * (1 - bce_weight)


train_set = Images_Dataset(*folder(160), train=True)
valid_set = Images_Dataset(*folder(50), train=False)
model = U_Net()
opt = keras.optimizers.Adam(0.001)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = calc_loss(model(x, training=True), y)
    g = tape.gradient(loss, model.trainable_variables)
    opt.apply_gradients(zip(g, model.trainable_variables))
    return loss


def iou(data):
    x = np.stack([normalize(to_tensor(im)) for im in data.images])
    p = model.predict(x, batch_size=25, verbose=0) > 0
    t = data.masks > 127
    return (p & t).sum() / (p | t).sum()


for epoch in range(8):
    tl = [float(train_step(x, y)) for x, y in train_set.batches(8)]
    vl = [float(calc_loss(model(x, training=False), y)) for x, y in valid_set.batches(8)]
    print(f"Epoch: {epoch + 1} \tTraining Loss: {np.mean(tl):.6f} \tValidation Loss: {np.mean(vl):.6f}", flush=True)

print("RESULT %s train=%.3f val=%.3f (IoU; loss %.3f)" % ("good" if GOOD else "bad", iou(train_set), iou(valid_set), vl and np.mean(vl)))
