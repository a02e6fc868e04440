"""Source: experiencor/keras-yolo2#294 ("generate anchors with my dataset"),
https://github.com/experiencor/keras-yolo2/issues/294 (answer of rodrigo2019, thanked for by the reporter)

Seen: with a small input size (100 and the like) the detector gives really bad predictions. (The thread
is also about the anchor script, whose output is nan there; not rebuilt.)

CAUSE: the net halves the picture five times, so from a small picture only a grid of 2 x 2 is left and
most of the objects fall into cells that are taken already.
FIX: fewer max pooling layers, so that the output grid is larger.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)

INPUT = 64
POOLINGS = 3 if GOOD else 5
GRID = INPUT // 2 ** POOLINGS
ANCHORS = [(8.0, 8.0), (12.0, 12.0)]      # in pixels
B = len(ANCHORS)


def picture():
    img = rng.normal(0.85, 0.03, (INPUT, INPUT, 3))
    boxes = []
    yy, xx = np.mgrid[:INPUT, :INPUT]
    for _ in range(40):
        if len(boxes) == 7:
            break
        w = rng.uniform(7, 14)
        h = w * rng.uniform(0.85, 1.15)
        cx, cy = rng.uniform(w / 2, INPUT - w / 2), rng.uniform(h / 2, INPUT - h / 2)
        if any(abs(cx - b[0]) < (w + b[2]) / 2 and abs(cy - b[1]) < (h + b[3]) / 2 for b in boxes):
            continue
        inside = ((xx - cx) / (w / 2)) ** 2 + ((yy - cy) / (h / 2)) ** 2 <= 1
        img[inside] = np.array([0.8, 0.3, 0.35]) + rng.normal(0, 0.05, 3)
        boxes.append((cx, cy, w, h))
    return img.astype("float32"), boxes


def encode(boxes):
    cell = INPUT / GRID
    y = np.zeros((GRID, GRID, B, 5), "float32")
    for cx, cy, w, h in boxes:
        i, j = min(int(cy / cell), GRID - 1), min(int(cx / cell), GRID - 1)
        overlap = [min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in ANCHORS]
        k = int(np.argmax(overlap))
        aw, ah = ANCHORS[k]
        y[i, j, k] = (cx / cell - j, cy / cell - i, np.log(w / aw), np.log(h / ah), 1)
    return y


def decode(p, threshold=0.5):
    cell = INPUT / GRID
    found = []
    for i, j, k in np.ndindex(GRID, GRID, B):
        tx, ty, tw, th, to = p[i, j, k]
        conf = 1 / (1 + np.exp(-to))
        if conf > threshold:
            aw, ah = ANCHORS[k]
            found.append((conf, (j + 1 / (1 + np.exp(-tx))) * cell, (i + 1 / (1 + np.exp(-ty))) * cell,
                          aw * np.exp(np.clip(tw, -3, 3)), ah * np.exp(np.clip(th, -3, 3))))
    found.sort(reverse=True)
    kept = []
    for f in found:
        if all(iou(f[1:], g) < 0.4 for g in kept):
            kept.append(f[1:])
    return kept


def iou(a, b):
    w = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    h = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    inter = max(w, 0) * max(h, 0)
    return inter / (a[2] * a[3] + b[2] * b[3] - inter)


def yolo_loss(y_true, y_pred):
    obj = y_true[..., 4]
    xy = ops.sigmoid(y_pred[..., 0:2])
    loss_xy = ops.sum(ops.square(xy - y_true[..., 0:2]), -1) * obj
    loss_wh = ops.sum(ops.square(y_pred[..., 2:4] - y_true[..., 2:4]), -1) * obj
    logit = y_pred[..., 4]
    ce = ops.relu(logit) - logit * obj + ops.log1p(ops.exp(-ops.abs(logit)))
    n_obj = ops.sum(obj) + 1e-6
    return (5 * ops.sum(loss_xy) + 5 * ops.sum(loss_wh) + ops.sum(ce * (5 * obj + (1 - obj)))) / n_obj


def build():
    inp = keras.Input((INPUT, INPUT, 3))
    x = inp
    filters = [12, 24, 32, 48, 64]
    for n in range(5):
        x = layers.Conv2D(filters[n], 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.1)(x)
        if n < POOLINGS:
            x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Conv2D(B * 5, 1)(x)
    return keras.Model(inp, layers.Reshape((GRID, GRID, B, 5))(x))


def dataset(n):
    parts = [picture() for _ in range(n)]
    return np.stack([p[0] for p in parts]), np.stack([encode(p[1]) for p in parts]), [p[1] for p in parts]


x_train, y_train, b_train = dataset(400)
x_val, y_val, b_val = dataset(80)
model = build()
model.compile(keras.optimizers.Adam(2e-3), loss=yolo_loss)
model.fit(x_train, y_train, epochs=18, batch_size=16, validation_data=(x_val, y_val), verbose=2)


def f_score(x, truth):
    hit = n_found = n_true = 0
    for p, boxes in zip(model.predict(x, verbose=0), truth):
        found = decode(p)
        left = list(boxes)
        n_found += len(found)
        n_true += len(boxes)
        for f in found:
            best = max(left, key=lambda b: iou(f, b), default=None)
            if best is not None and iou(f, best) > 0.5:
                hit += 1
                left.remove(best)
    return 2 * hit / (n_found + n_true)


print("RESULT %s train=%.3f val=%.3f (F score of the boxes at IoU 0.5)" % ("good" if GOOD else "bad", f_score(x_train[:80], b_train[:80]), f_score(x_val, b_val)))
