"""
Source: qqwweee/keras-yolo3#171 ("nan in loss"), https://github.com/qqwweee/keras-yolo3/issues/171 (answer of datduonguva seen).
Seen: YOLO on one's own pictures; the loss becomes nan while it trains.
CAUSE: very small boxes have width or height 0 after the picture is brought down to the input size (whole pixels), and the targets take log(0).
FIX: add a tiny term inside the logarithm.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)

PHOTO, INPUT, GRID = 384, 48, 6
ANCHOR = np.array([11.0, 9.0], "float32")
TINY = 1e-4


def take_photo():
    """a big photo, kept as its small version, and the annotated box in big pixels: x_min, y_min, x_max, y_max"""
    w, h = rng.integers(48, 140), rng.integers(40, 110)
    if rng.random() < 0.012:
        w, h = rng.integers(9, 16), rng.integers(5, 8)
    x, y = rng.integers(0, PHOTO - w), rng.integers(0, PHOTO - h)
    img = rng.normal(150, 14, (INPUT, INPUT, 3)) + np.linspace(30, -30, INPUT)[:, None, None]
    scale = INPUT / PHOTO
    yy, xx = (np.mgrid[:INPUT, :INPUT] + 0.5) / scale
    bird = ((xx - x - w / 2) / (w / 2)) ** 2 + ((yy - y - h / 2) / (h / 2)) ** 2 < 1
    img[bird] = rng.normal(60, 12, (bird.sum(), 3))
    return np.clip(img, 0, 255), (x, y, x + w, y + h)


def get_data(n):
    photos, boxes = zip(*[take_photo() for _ in range(n)])
    photos = np.array(photos, "float32") / 255.0
    boxes = np.array(boxes) * INPUT // PHOTO
    return photos, boxes


def preprocess_true_boxes(boxes):
    y = np.zeros((len(boxes), GRID, GRID, 5), "float32")
    xy = (boxes[:, :2] + boxes[:, 2:]) / 2
    wh = boxes[:, 2:] - boxes[:, :2]
    cell = np.minimum((xy * GRID / INPUT).astype(int), GRID - 1)
    rows = np.arange(len(boxes))
    y[rows, cell[:, 1], cell[:, 0], 0:2] = xy * GRID / INPUT - cell
    y[rows, cell[:, 1], cell[:, 0], 2:4] = wh
    y[rows, cell[:, 1], cell[:, 0], 4] = 1
    return y


def yolo_loss(y_true, y_pred):
    object_mask = y_true[..., 4:5]
    ratio = y_true[..., 2:4] / ANCHOR
    if GOOD:
        ratio = ratio + TINY
    raw_true_wh = ops.log(ratio)
    raw_true_wh = ops.where(object_mask > 0, raw_true_wh, ops.zeros_like(raw_true_wh))
    area = y_true[..., 2:3] * y_true[..., 3:4] / (INPUT * INPUT)
    box_loss_scale = 2.0 - area
    xy_loss = object_mask * box_loss_scale * (y_true[..., 0:2] - ops.sigmoid(y_pred[..., 0:2])) ** 2
    wh_loss = object_mask * box_loss_scale * 0.5 * (raw_true_wh - y_pred[..., 2:4]) ** 2
    t = y_pred[..., 4:5]
    confidence_loss = ops.maximum(t, 0) - t * object_mask + ops.log1p(ops.exp(-ops.abs(t)))
    batch = ops.cast(ops.shape(y_pred)[0], "float32")
    return (ops.sum(xy_loss) + ops.sum(wh_loss) + ops.sum(confidence_loss)) / batch


def darknet_block(x, filters):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.LeakyReLU(negative_slope=0.1)(x)


inputs = keras.Input((INPUT, INPUT, 3))
x = inputs
for filters in (12, 24, 40):
    x = darknet_block(x, filters)
    x = layers.MaxPooling2D()(x)
x = darknet_block(x, 40)
model = keras.Model(inputs, layers.Conv2D(5, 1)(x))

x_train, boxes_train = get_data(1200)
x_val, boxes_val = get_data(250)
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=yolo_loss)
model.fit(x_train, preprocess_true_boxes(boxes_train), batch_size=32, epochs=10,
          validation_data=(x_val, preprocess_true_boxes(boxes_val)), verbose=2)


def mean_iou(x, boxes):
    p = model.predict(x, verbose=0).reshape(len(x), -1, 5)
    best = p[..., 4].argmax(1)
    o = p[np.arange(len(x)), best]
    cell = np.stack([best % GRID, best // GRID], -1)
    xy = (cell + 1 / (1 + np.exp(-o[:, :2]))) * INPUT / GRID
    wh = np.exp(o[:, 2:4]) * ANCHOR
    lo, hi = xy - wh / 2, xy + wh / 2
    inter = np.prod(np.clip(np.minimum(hi, boxes[:, 2:]) - np.maximum(lo, boxes[:, :2]), 0, None), -1)
    union = np.prod(wh, -1) + np.prod(boxes[:, 2:] - boxes[:, :2], -1) - inter
    return np.mean(inter / union)


print("RESULT %s train=%.3f val=%.3f (mean IoU of the boxes)" % (
    sys.argv[1], mean_iou(x_train, boxes_train), mean_iou(x_val, boxes_val)))
