"""
SOURCE: https://github.com/milesial/Pytorch-UNet/issues/228 ("My imput mask is 0"; PyTorch there)
SEEN: U-Net on KITTI masks with class numbers (0 to 18), net.n_classes = 20: the training loss falls quickly, but the
    predicted masks are 0 everywhere.
CAUSE: The dataset's preprocess() divides every array whose maximum is above 1 by 255 and is used for the masks as well
    as for the images. The class numbers become fractions below 1, and the cast to integer labels turns all of them
    into class 0, so the network is trained on empty masks.
FIX: Only the images are divided by 255; the masks keep their class numbers.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(1)
rng = np.random.default_rng(11)
H, W, N_CLASSES = 32, 64, 7


def draw_street():
    img = np.zeros((H, W, 3), float)
    mask = np.zeros((H, W), "uint8")
    horizon = rng.integers(9, 15)
    yy, xx = np.mgrid[0:H, 0:W]
    img[:] = [150, 170, 205]
    ground = yy >= horizon
    mask[ground] = 1
    img[ground] = [95, 130, 80]
    mid = rng.uniform(24, 40)
    half = 3 + (yy - horizon) * rng.uniform(0.9, 1.4)
    road = ground & (np.abs(xx - mid) < half)
    mask[road] = 2
    img[road] = [105, 102, 108]
    for _ in range(rng.integers(2, 5)):
        x0, w, h = rng.integers(0, W - 8), rng.integers(5, 14), rng.integers(4, 12)
        b = (xx >= x0) & (xx < x0 + w) & (yy < horizon + 1) & (yy > horizon - h)
        mask[b] = 3
        img[b] = np.array([140, 95, 80]) + rng.normal(0, 15, 3)
    for _ in range(rng.integers(1, 4)):
        cx, cy, r = rng.integers(0, W), horizon - rng.integers(0, 4), rng.integers(3, 6)
        t = (xx - cx) ** 2 + (yy - cy) ** 2 < r * r
        mask[t] = 4
        img[t] = np.array([50, 95, 45]) + rng.normal(0, 10, 3)
    for _ in range(rng.integers(1, 4)):
        y0 = rng.integers(horizon + 2, H - 5)
        s = 3 + (y0 - horizon) // 3
        x0 = int(np.clip(mid + rng.normal(0, 6), 2, W - 2 * s - 2))
        c = (xx >= x0) & (xx < x0 + 2 * s) & (yy >= y0) & (yy < y0 + s)
        mask[c] = 5
        img[c] = rng.choice([[170, 40, 40], [40, 50, 150], [215, 215, 220]])
    if rng.uniform() < 0.6:
        x0, y0 = rng.integers(2, W - 4), rng.integers(horizon, H - 9)
        p = (xx >= x0) & (xx < x0 + 2) & (yy >= y0) & (yy < y0 + 8)
        mask[p] = 6
        img[p] = [220, 180, 60]
    img = img * rng.uniform(0.7, 1.15) + rng.normal(0, 14, img.shape)
    return np.clip(img, 0, 255).astype("uint8"), mask


def preprocess(nd, is_mask):
    nd = nd.astype("float32")
    if GOOD and is_mask:
        return nd
    if nd.max() > 1:
        nd = nd / 255
    return nd


def double_conv(x, ch):
    for _ in range(2):
        x = layers.Conv2D(ch, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    return x


def unet(n_channels, n_classes):
    inp = keras.Input((H, W, n_channels))
    x1 = double_conv(inp, 12)
    x2 = double_conv(layers.MaxPooling2D()(x1), 24)
    x3 = double_conv(layers.MaxPooling2D()(x2), 32)
    u = layers.UpSampling2D(interpolation="bilinear")(x3)
    u = double_conv(layers.Concatenate()([x2, u]), 24)
    u = layers.UpSampling2D(interpolation="bilinear")(u)
    u = double_conv(layers.Concatenate()([x1, u]), 12)
    return keras.Model(inp, layers.Conv2D(n_classes, 1)(u))


pairs = [draw_street() for _ in range(360)]
images = [preprocess(p[0], False) for p in pairs]
masks = [preprocess(p[1], True) for p in pairs]
n_train = 300

net = unet(3, N_CLASSES)
optimizer = keras.optimizers.RMSprop(learning_rate=1e-3)
criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def train_step(imgs, true_masks):
    with tf.GradientTape() as tape:
        masks_pred = net(imgs, training=True)
        loss = criterion(true_masks, masks_pred)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    return loss


batch_size = 10
for epoch in range(9):
    order = rng.permutation(n_train)
    epoch_loss = 0.0
    for start in range(0, n_train, batch_size):
        idx = order[start:start + batch_size]
        imgs = tf.convert_to_tensor(np.stack([images[i] for i in idx]), tf.float32)
        true_masks = tf.cast(np.stack([masks[i] for i in idx]), tf.int64)
        epoch_loss += float(train_step(imgs, true_masks))
    print("epoch %d loss %.4f" % (epoch + 1, epoch_loss / (n_train // batch_size)))


def mean_iou(lo, hi):
    pred = np.argmax(net.predict(np.stack(images[lo:hi]), verbose=0), -1)
    true = np.stack([p[1] for p in pairs[lo:hi]])
    ious = []
    for c in range(N_CLASSES):
        union = np.sum((pred == c) | (true == c))
        if union:
            ious.append(np.sum((pred == c) & (true == c)) / union)
    return float(np.mean(ious)), np.bincount(pred.ravel(), minlength=N_CLASSES)


train_iou, _ = mean_iou(0, n_train)
val_iou, counts = mean_iou(n_train, len(pairs))
print("predicted pixels per class", counts)
print("RESULT %s train=%.3f val=%.3f (mean IoU)" % ("good" if GOOD else "bad", train_iou, val_iou))
