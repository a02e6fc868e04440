"""
SOURCE: yhenon/keras-frcnn#25 ("Mean # of bounding boxes very low after 1.5K+ epochs"),
https://github.com/yhenon/keras-frcnn/issues/25, answer of the owner yhenon (2017-04-28), whole thread seen up to it.
SAW: after almost 1900 epochs the class loss is still 1.49, the accuracy of the classes 0.57, few proposals overlap a true
box, and in the test not a single box is found, not even on training pictures.
CAUSE: an extremely low learning rate (1e-7) had been left in the code by mistake.
FIX: the intended rate (1e-5), a hundred times as high. (Here 1e-5 and 1e-3: same ratio, but a small net from scratch and
some hundred steps instead of a pretrained one and a million; the second stage has no box regression here.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
LEARNING_RATE = 1e-3 if GOOD else 1e-5
S, STRIDE, N_CLASSES, N_ROIS = 64, 8, 3, 16            # two kinds of things and "bg" (the last one)
G = S // STRIDE
SHAPES = [(s * np.sqrt(r), s / np.sqrt(r)) for s in (13, 20) for r in (0.6, 1.0, 1.6)]
A = len(SHAPES)
cx, cy = np.meshgrid((np.arange(G) + 0.5) * STRIDE, (np.arange(G) + 0.5) * STRIDE)
ANCHORS = np.array([[cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] for w, h in SHAPES]).transpose(2, 3, 0, 1).reshape(-1, 4)


def room(rng):
    yy, xx = np.mgrid[0:S, 0:S]
    img = np.ones((S, S, 3)) * rng.uniform(80, 150, 3) + rng.normal(0, 10, (S, S, 3))
    boxes = []
    for _ in range(rng.integers(1, 4)):
        c, w, h = rng.integers(0, 2), rng.uniform(12, 22), rng.uniform(12, 22)
        x, y = rng.uniform(1, S - w - 1), rng.uniform(1, S - h - 1)
        if any(x < b[2] + 2 and b[0] < x + w + 2 and y < b[3] + 2 and b[1] < y + h + 2 for b in boxes):
            continue
        u, v = (xx - x - w / 2) / (w / 2), (yy - y - h / 2) / (h / 2)
        m = (u * u + v * v < 1) if c == 0 else ((abs(u) < 1) & (abs(v) < 1))
        img[m] = [210, 80, 70] if c == 0 else [70, 90, 200]
        img[m & (abs(u) < 0.35) & (abs(v) < 0.35)] = 235
        boxes.append([x, y, x + w, y + h, c])
    return (np.clip(img, 0, 255) / 127.5 - 1).astype("float32"), np.array(boxes)


def iou(a, b):
    wh = np.clip(np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0, None)
    area = lambda q: (q[:, 2] - q[:, 0]) * (q[:, 3] - q[:, 1])
    return wh.prod(-1) / (area(a)[:, None] + area(b)[None] - wh.prod(-1))


def rpn_targets(boxes):
    o = iou(ANCHORS, boxes)
    pos = o.max(1) >= 0.55
    pos[o.argmax(0)] = True
    use = pos | (o.max(1) < 0.3)
    g, aw, ah = boxes[o.argmax(1)], ANCHORS[:, 2] - ANCHORS[:, 0], ANCHORS[:, 3] - ANCHORS[:, 1]
    mid = lambda q: ((q[:, 0] + q[:, 2]) / 2, (q[:, 1] + q[:, 3]) / 2)
    (gx, gy), (ax, ay) = mid(g), mid(ANCHORS)
    reg = np.stack([(gx - ax) / aw, (gy - ay) / ah, np.log((g[:, 2] - g[:, 0]) / aw), np.log((g[:, 3] - g[:, 1]) / ah)], 1)
    return (np.stack([pos, use], -1).astype("float32"), np.concatenate([reg, pos[:, None]], 1).astype("float32"))


def rpn_loss_cls(y_true, y_pred):
    t, use, p = y_true[..., 0], y_true[..., 1], ops.clip(y_pred[..., 0], 1e-6, 1 - 1e-6)
    return ops.sum(-(t * ops.log(p) + (1 - t) * ops.log(1 - p)) * use * (1 + 4 * t)) / ops.sum(use)


def rpn_loss_regr(y_true, y_pred):
    pos, d = y_true[..., 4], ops.abs(y_true[..., :4] - y_pred)
    return ops.sum(ops.where(d < 1, 0.5 * d * d, d - 0.5) * pos[..., None]) / (1e-4 + ops.sum(pos))


class RoiPooling(keras.layers.Layer):
    def call(self, inputs):
        feat, rois = inputs                                    # rois: x1 y1 x2 y2 in pixels
        n = tf.shape(rois)[0]
        b = tf.reshape(tf.gather(rois, [1, 0, 3, 2], axis=-1) / S, (-1, 4))
        return tf.image.crop_and_resize(feat, b, tf.repeat(tf.range(n), N_ROIS), (4, 4))

    def compute_output_shape(self, shapes):
        return (None, 4, 4, shapes[0][-1])


img_in, roi_in = layers.Input((S, S, 3)), layers.Input((N_ROIS, 4))
x = img_in
for f in (16, 32, 64):
    x = layers.Conv2D(f, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
base = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
r = layers.Conv2D(64, 3, padding="same", activation="relu", name="rpn_conv1")(base)
r_cls = layers.Reshape((-1, 1), name="cls")(layers.Conv2D(A, 1, activation="sigmoid")(r))
r_reg = layers.Reshape((-1, 4), name="regr")(layers.Conv2D(A * 4, 1)(r))
model_rpn = keras.Model(img_in, {"cls": r_cls, "regr": r_reg})
h = layers.Flatten()(RoiPooling()([base, roi_in]))
h = layers.Dense(96, activation="relu")(h)
h = layers.Dense(N_CLASSES, activation="softmax")(h)
model_classifier = keras.Model([img_in, roi_in], layers.Reshape((N_ROIS, N_CLASSES))(layers.Lambda(
    lambda t: tf.reshape(t, (-1, N_ROIS * N_CLASSES)), output_shape=(N_ROIS * N_CLASSES,))(h)))
model_rpn.compile(keras.optimizers.Adam(LEARNING_RATE), loss={"cls": rpn_loss_cls, "regr": rpn_loss_regr})
model_classifier.compile(keras.optimizers.Adam(LEARNING_RATE), loss="sparse_categorical_crossentropy")


def rpn_to_roi(out):
    rois = np.zeros((len(out["cls"]), N_ROIS, 4), "float32")
    aw, ah = ANCHORS[:, 2] - ANCHORS[:, 0], ANCHORS[:, 3] - ANCHORS[:, 1]
    for i, (p, t) in enumerate(zip(out["cls"][..., 0], out["regr"])):
        mx, my = (ANCHORS[:, 0] + ANCHORS[:, 2]) / 2 + t[:, 0] * aw, (ANCHORS[:, 1] + ANCHORS[:, 3]) / 2 + t[:, 1] * ah
        w, hh = aw * np.exp(np.clip(t[:, 2], -2, 2)), ah * np.exp(np.clip(t[:, 3], -2, 2))
        b = np.clip(np.stack([mx - w / 2, my - hh / 2, mx + w / 2, my + hh / 2], 1), 0, S)
        k = tf.image.non_max_suppression(b[:, [1, 0, 3, 2]], p, N_ROIS, 0.7).numpy()
        rois[i] = b[np.resize(k, N_ROIS)]
    return rois


def found(x, boxes):
    rois = rpn_to_roi(model_rpn.predict(x, verbose=0))
    prob = model_classifier.predict([x, rois], verbose=0)
    hit = n = 0
    for b, q, g in zip(rois, prob, boxes):
        n += len(g)
        keep = (q.argmax(-1) < N_CLASSES - 1) & (q.max(-1) > 0.5)
        if keep.any():
            o = (iou(b[keep], g) >= 0.5) & (q[keep].argmax(-1)[:, None] == g[None, :, 4])
            hit += int(o.any(0).sum())
    return hit / n


def make(n, seed):
    rng = np.random.default_rng(seed)
    x, b = zip(*[room(rng) for _ in range(n)])
    return np.array(x), list(b)


x_tr, b_tr = make(240, 1)
x_va, b_va = make(60, 2)
targets = [rpn_targets(b) for b in b_tr]
for epoch in range(9):
    overlapping, losses = [], []
    order = np.random.permutation(len(x_tr))
    for k in range(0, len(order), 8):
        pick = order[k:k + 8]
        loss_rpn = model_rpn.train_on_batch(x_tr[pick], {"cls": np.array([targets[i][0] for i in pick]),
                                                         "regr": np.array([targets[i][1] for i in pick])})
        rois = rpn_to_roi({n: np.array(v) for n, v in model_rpn.predict_on_batch(x_tr[pick]).items()})
        y = np.full((len(pick), N_ROIS), N_CLASSES - 1)
        for j, i in enumerate(pick):
            o = iou(rois[j], b_tr[i])
            y[j][o.max(1) >= 0.5] = b_tr[i][o.argmax(1), 4][o.max(1) >= 0.5]
        overlapping.append((y < N_CLASSES - 1).sum(1).mean())
        loss_class = model_classifier.train_on_batch([x_tr[pick], rois], y)
        losses.append([float(np.ravel(loss_rpn)[0]), float(np.ravel(loss_class)[0])])
    print("Epoch", epoch, "Mean number of bounding boxes from RPN overlapping ground truth boxes: %.1f" % np.mean(overlapping),
          "loss_rpn %.3f loss_class %.3f" % tuple(np.mean(losses, 0)), flush=True)
print(f"RESULT {sys.argv[1]} train={found(x_tr, b_tr):.3f} val={found(x_va, b_va):.3f} (things found and rightly named)")
