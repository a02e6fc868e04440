"""
Source: pierluigiferrari/ssd_keras#3 ("Model not learning."), https://github.com/pierluigiferrari/ssd_keras/issues/3
(the reporter drorhilman found it himself; whole thread seen).
Seen: an SSD net for one class of object and 1000 examples; the loss starts at 0 and nothing is learned.
CAUSE: the single class has the number 0 in the csv file, which is the number of the background, so no anchor box is ever positive, no negatives are chosen either and the loss is 0.
FIX: give the class the number 1.
"""
import csv
import io
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

SIZE, GRID, N_CLASSES = 48, 6, 1
SCALES = [10.0, 16.0]
CONE_ID = 1 if GOOD else 0


def make_pictures(n):
    images, text = [], io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["image_name", "xmin", "xmax", "ymin", "ymax", "class_id"])
    for i in range(n):
        img = rng.normal(120, 18, (SIZE, SIZE, 3)) + rng.uniform(-25, 25, 3)
        w, h = rng.integers(8, 17), rng.integers(8, 17)
        x, y = rng.integers(0, SIZE - w), rng.integers(0, SIZE - h)
        for r in range(h):
            half = max(1, int(w * (r + 1) / h / 2))
            img[y + r, x + w // 2 - half:x + w // 2 + half] = (235, 110, 30)
        images.append(np.clip(img, 0, 255))
        writer.writerow(["%05d.jpg" % i, x, x + w, y, y + h, CONE_ID])
    text.seek(0)
    boxes = []
    for row in csv.DictReader(text):
        boxes.append([[int(row[k]) for k in ("class_id", "xmin", "ymin", "xmax", "ymax")]])
    return np.array(images, "float32"), np.array(boxes)


step = SIZE / GRID
cy, cx = np.meshgrid((np.arange(GRID) + 0.5) * step, (np.arange(GRID) + 0.5) * step, indexing="ij")
ANCHORS = np.stack([np.stack([cx, cy, np.full_like(cx, s), np.full_like(cx, s)], -1) for s in SCALES], 2).reshape(-1, 4)


def corners(a):
    return np.concatenate([a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2], -1)


def iou(a, b):
    lo, hi = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    inter = np.prod(np.clip(hi - lo, 0, None), -1)
    area = lambda c: np.prod(c[..., 2:] - c[..., :2], -1)
    return inter / (area(a) + area(b) - inter)


def encode(boxes):
    """per anchor: one-hot class vector (background first), then the four offsets"""
    out = np.zeros((len(boxes), len(ANCHORS), N_CLASSES + 1 + 4), "float32")
    eye = np.eye(N_CLASSES + 1)
    for i, objects in enumerate(boxes):
        out[i, :, :N_CLASSES + 1] = eye[0]
        for cls, *box in objects:
            box = np.array(box, float)
            overlap = iou(corners(ANCHORS), box)
            hit = overlap >= 0.5
            hit[overlap.argmax()] = True
            centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
            out[i, hit, :N_CLASSES + 1] = eye[cls]
            out[i, hit, -4:-2] = (centre - ANCHORS[hit, :2]) / ANCHORS[hit, 2:] / 0.1
            out[i, hit, -2:] = np.log(size / ANCHORS[hit, 2:]) / 0.2
    return out


def ssd_loss(y_true, y_pred):
    n_positive = ops.sum(y_true[..., 1:N_CLASSES + 1])
    positive = ops.max(y_true[..., 1:N_CLASSES + 1], axis=-1)
    negative = y_true[..., 0]
    prob = ops.clip(y_pred[..., :N_CLASSES + 1], 1e-7, 1.0)
    class_loss = -ops.sum(y_true[..., :N_CLASSES + 1] * ops.log(prob), axis=-1)
    diff = ops.abs(y_true[..., -4:] - y_pred[..., -4:])
    box_loss = ops.sum(ops.where(diff < 1.0, 0.5 * diff ** 2, diff - 0.5), axis=-1)
    negatives = ops.reshape(class_loss * negative, (-1,))
    ranked = ops.flip(ops.sort(negatives))
    rank = ops.cast(ops.arange(ops.shape(ranked)[0]), "float32")
    hardest = ops.sum(ops.where(rank < 3.0 * n_positive, ranked, ops.zeros_like(ranked)))
    total = ops.sum((class_loss + box_loss) * positive) + hardest
    return total / ops.maximum(1.0, n_positive)


def small_ssd():
    inp = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inp)
    for f in (12, 24, 32):
        x = layers.Conv2D(f, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ELU()(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", activation="elu")(x)
    cls = layers.Conv2D(len(SCALES) * (N_CLASSES + 1), 3, padding="same")(x)
    cls = layers.Softmax()(layers.Reshape((-1, N_CLASSES + 1))(cls))
    loc = layers.Reshape((-1, 4))(layers.Conv2D(len(SCALES) * 4, 3, padding="same")(x))
    return keras.Model(inp, layers.Concatenate()([cls, loc]))


x_train, boxes_train = make_pictures(1000)
x_val, boxes_val = make_pictures(200)
model = small_ssd()
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=ssd_loss)
model.fit(x_train, encode(boxes_train), batch_size=32, epochs=8,
          validation_data=(x_val, encode(boxes_val)), verbose=2)


def best_box_iou(x, boxes):
    p = model.predict(x, verbose=0)
    best = p[..., 1].argmax(1)
    rows = np.arange(len(x))
    off, a = p[rows, best, -4:], ANCHORS[best]
    centre = off[:, :2] * 0.1 * a[:, 2:] + a[:, :2]
    size = np.exp(np.clip(off[:, 2:] * 0.2, -4, 4)) * a[:, 2:]
    return iou(corners(np.concatenate([centre, size], -1)), boxes[:, 0, 1:].astype(float)).mean()


print("RESULT %s train=%.3f val=%.3f (mean IoU of the most certain box)" % (
    sys.argv[1], best_box_iou(x_train, boxes_train), best_box_iou(x_val, boxes_val)))
