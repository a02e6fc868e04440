"""
SOURCE: matterport/Mask_RCNN#80 ("Square shapes get bad mask prediction results"),
https://github.com/matterport/Mask_RCNN/issues/80; the reporter yenlianglintw found it himself, the owner thanks and takes
it over (whole thread seen).
SAW: the example with drawn shapes works for triangles and circles, but the masks of the squares are wrong, although
their boxes are fine.
CAUSE: scipy's imresize, which makes the small masks, first stretches the values between the smallest and the largest
one; a square fills its box, so its mask is 1 everywhere there, and becomes 0 everywhere.
FIX: imresize(m.astype(float) * 255, ..., mode='F'), which leaves the values as they are.
(imresize no longer exists in scipy and is written anew here; only the backbone and the mask branch of the net.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)
S, MINI, N_ROIS = 64, (28, 28), 6
CLASSES = ["square", "circle", "triangle"]


def imresize(arr, size, mode=None):
    """Bilinear, to bytes, or to floats with mode 'F'."""
    arr = arr.astype("float64")
    if mode != "F":
        low, high = arr.min(), arr.max()
        arr = np.round((arr - low) * (255.0 / ((high - low) or 1.0)))
    out = tf.image.resize(arr[..., None].astype("float32"), size, method="bilinear").numpy()[..., 0]
    return out if mode == "F" else out.astype(np.uint8)


def minimize_mask(box, mask):
    y1, x1, y2, x2 = box
    m = mask[y1:y2, x1:x2]
    if GOOD:
        m = imresize(m.astype(float) * 255, MINI, mode="F")
    else:
        m = imresize(m.astype(float), MINI)
    return np.where(m >= 128, 1, 0)


def random_image(rng):
    yy, xx = np.mgrid[0:S, 0:S]
    img = np.ones((S, S, 3)) * rng.integers(0, 255, 3)
    kinds, masks, boxes = [], [], []
    for _ in range(rng.integers(1, 4)):
        k, s = rng.integers(0, 3), int(rng.integers(6, 13))
        x, y = rng.integers(s + 2, S - s - 2, 2)
        box = [y - s, x - s, y + s + 1, x + s + 1]
        if any(box[1] < b[3] and b[1] < box[3] and box[0] < b[2] and b[0] < box[2] for b in boxes):
            continue
        if k == 0: m = (abs(xx - x) <= s) & (abs(yy - y) <= s)
        elif k == 1: m = (xx - x) ** 2 + (yy - y) ** 2 <= s * s
        else: m = (abs(xx - x) <= (yy - y + s) / 2) & (abs(yy - y) <= s)
        img[m] = rng.integers(0, 255, 3)
        kinds.append(k); masks.append(m); boxes.append(box)
    return img + rng.normal(0, 5, img.shape), kinds, masks, boxes


def load(n, seed):
    """For every picture N_ROIS shifted boxes with class, target (cut from the mini mask) and the true mask (for the measurement)."""
    rng = np.random.default_rng(seed)
    images, rois, kinds, targets, truth = [], [], [], [], []
    for _ in range(n):
        img, ks, ms, bs = random_image(rng)
        small = [minimize_mask(b, m) for b, m in zip(bs, ms)]
        pick = np.resize(np.arange(len(ks)), N_ROIS)
        b = np.array(bs, float)[pick]
        size = b[:, 2:] - b[:, :2]
        r = b + rng.uniform(-0.08, 0.08, b.shape) * np.tile(size, 2)
        rel = (r - np.tile(b[:, :2], 2)) / np.tile(size, 2)
        cut = lambda stack, where: tf.image.crop_and_resize(np.array(stack)[..., None].astype("float32"), where, pick, MINI).numpy()[..., 0]
        images.append(img / 127.5 - 1); rois.append(r / S); kinds.append(np.array(ks)[pick])
        targets.append(np.round(cut(small, rel))); truth.append(np.round(cut(ms, r / S)))
    return (np.array(images, "float32"), np.array(rois, "float32"), np.array(kinds), np.array(targets, "float32"), np.array(truth))


class RoiAlign(layers.Layer):
    def call(self, inputs):
        feat, rois = inputs
        which = tf.repeat(tf.range(tf.shape(rois)[0]), N_ROIS)
        return tf.image.crop_and_resize(feat, tf.reshape(rois, (-1, 4)), which, (14, 14))

    def compute_output_shape(self, shapes):
        return (None, 14, 14, shapes[0][-1])


def mask_loss(y_true, y_pred):
    """Only the channel of the true class counts; y_true carries the class in its last column."""
    kind = ops.cast(y_true[..., 0, 0, 1], "int32")
    p = ops.sum(y_pred * ops.one_hot(kind, len(CLASSES))[:, :, None, None, :], -1)
    return ops.mean(keras.losses.binary_crossentropy(y_true[..., 0], p))


conv = lambda f, s=1: layers.Conv2D(f, 3, strides=s, padding="same", activation="relu")
img_in, roi_in = layers.Input((S, S, 3)), layers.Input((N_ROIS, 4))
feat = conv(24)(conv(24, 2)(conv(16)(img_in)))
x = conv(32)(conv(32)(RoiAlign()([feat, roi_in])))
x = layers.Conv2DTranspose(32, 2, strides=2, activation="relu")(x)
x = layers.Conv2D(len(CLASSES), 1, activation="sigmoid")(x)
masks_out = layers.Lambda(lambda t: tf.reshape(t, (-1, N_ROIS, *MINI, len(CLASSES))), output_shape=(N_ROIS, *MINI, len(CLASSES)))(x)
model = keras.Model([img_in, roi_in], masks_out)
model.compile(keras.optimizers.Adam(2e-3), loss=mask_loss)


def measure(images, rois, kinds, truth):
    p = np.take_along_axis(model.predict([images, rois], batch_size=16, verbose=0), kinds[:, :, None, None, None], -1)[..., 0] > 0.5
    iou = (p & (truth > 0)).sum((2, 3)) / np.maximum(1, (p | (truth > 0)).sum((2, 3)))
    per = [float(iou[kinds == k].mean()) for k in range(len(CLASSES))]
    print(dict(zip(CLASSES, np.round(per, 3))))
    return per[0]


im, ro, ki, ta, tr = load(240, 1)
im_v, ro_v, ki_v, ta_v, tr_v = load(60, 2)
pack = lambda t, k: np.stack([t, np.broadcast_to(k[:, :, None, None], t.shape).astype("float32")], -1)
model.fit([im, ro], pack(ta, ki), validation_data=([im_v, ro_v], pack(ta_v, ki_v)), batch_size=8, epochs=7, verbose=2)
print(f"RESULT {sys.argv[1]} train={measure(im, ro, ki, tr):.3f} val={measure(im_v, ro_v, ki_v, tr_v):.3f} (IoU of the masks of the squares)")
