"""
SOURCE: fizyr/keras-retinanet#1343 ("0 val mAP"), https://github.com/fizyr/keras-retinanet/issues/1343, whole thread seen.
SAW: own binary pictures (shortest side 40, longest 160), boxes drawn with labelImg; the training loss goes down, but
the regression loss of the validation stays at 0 and the mAP is 0 for all classes.
CAUSE: the objects are smaller than the anchors of the default setting, so no anchor covers any box well enough to be
positive; the net only learns background.
FIX: other anchor parameters, that fit the size of the objects (the reporter, after debug.py: "after changing the
anchor parameters it works").
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
H, W, N_CLASSES = 40, 160, 2
STRIDES, SIZES, RATIOS = [8, 16], [32, 64], [0.5, 1, 2]
SCALES = [0.4, 0.5, 0.63] if GOOD else [1.0, 2 ** (1 / 3), 2 ** (2 / 3)]
PER_CELL = len(RATIOS) * len(SCALES)


def picture(rng):
    img = np.zeros((H, W), "float32")
    boxes = []
    x = rng.integers(2, 24)
    for _ in range(rng.integers(2, 5)):
        s = int(rng.integers(15, 21))
        y = int(rng.integers(1, H - s - 1))
        c = int(rng.integers(0, 2))
        if x + s + 1 > W:
            break
        yy, xx = np.mgrid[0:s, 0:s] - (s - 1) / 2
        if c == 0:
            r = np.sqrt(yy ** 2 + xx ** 2)
            m = (r < s / 2) & (r > s / 2 - 3.2)
        else:
            m = (abs(abs(yy) - abs(xx)) < 1.8)
        img[y:y + s, x:x + s][m] = 1
        boxes.append([x, y, x + s, y + s, c])
        x += s + int(rng.integers(6, 40))
    img[rng.random(img.shape) < 0.01] = 1
    return img[..., None], np.array(boxes, "float32")


def all_anchors():
    out = []
    for stride, size in zip(STRIDES, SIZES):
        base = []
        for r in RATIOS:
            for s in SCALES:
                w = size * s / np.sqrt(r)
                base.append([w, w * r])
        gy, gx = int(np.ceil(H / stride)), int(np.ceil(W / stride))
        for i in range(gy):
            for j in range(gx):
                cx, cy = (j + 0.5) * stride, (i + 0.5) * stride
                out += [[cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2] for w, h in base]
    return np.array(out, "float32")


def overlap(a, b):
    tl, br = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    inter = np.prod(np.clip(br - tl, 0, None), -1)
    area = lambda q: (q[:, 2] - q[:, 0]) * (q[:, 3] - q[:, 1])
    return inter / (area(a)[:, None] + area(b)[None] - inter)


ANCHORS = all_anchors()


def targets(boxes):
    reg, cls = np.zeros((len(ANCHORS), 5), "float32"), np.zeros((len(ANCHORS), N_CLASSES + 1), "float32")
    iou = overlap(ANCHORS, boxes)
    best, who = iou.max(1), iou.argmax(1)
    pos, skip = best >= 0.5, (best > 0.4) & (best < 0.5)
    reg[:, -1] = cls[:, -1] = pos.astype("float32") - skip.astype("float32")
    g = boxes[who]
    wh = np.tile(ANCHORS[:, 2:] - ANCHORS[:, :2], 2)
    reg[:, :4] = (g[:, :4] - ANCHORS) / wh / 0.2
    cls[np.where(pos)[0], g[pos, 4].astype(int)] = 1
    return reg, cls


def make(n, seed):
    rng = np.random.default_rng(seed)
    pics = [picture(rng) for _ in range(n)]
    t = [targets(b) for _, b in pics]
    return (np.array([p for p, _ in pics]), np.array([r for r, _ in t]), np.array([c for _, c in t]),
            [b for _, b in pics])


def focal(y_true, y_pred):
    labels, state = y_true[..., :-1], y_true[..., -1]
    keep = ops.cast(state >= 0, "float32")[..., None]
    p = ops.clip(y_pred, 1e-7, 1 - 1e-7)
    pt = ops.where(labels > 0.5, p, 1 - p)
    alpha = ops.where(labels > 0.5, 0.25, 0.75)
    loss = -alpha * (1 - pt) ** 2 * ops.log(pt) * keep
    return ops.sum(loss) / ops.maximum(1.0, ops.sum(ops.cast(state > 0.5, "float32")))


def smooth_l1(y_true, y_pred):
    target, state = y_true[..., :-1], ops.cast(y_true[..., -1] > 0.5, "float32")
    d = ops.abs(target - y_pred)
    loss = ops.where(d < 1 / 9, 4.5 * d * d, d - 0.5 / 9) * state[..., None]
    return ops.sum(loss) / ops.maximum(1.0, ops.sum(state))


def retinanet():
    conv = lambda f, s=1: layers.Conv2D(f, 3, strides=s, padding="same", activation="relu")
    inp = layers.Input((H, W, 1))
    x = conv(16, 2)(inp)
    x = conv(24, 2)(x)
    c3 = conv(48)(conv(48, 2)(x))
    p4 = conv(48, 2)(c3)
    p3 = c3
    r1, r2 = conv(48), layers.Conv2D(PER_CELL * 4, 3, padding="same")
    k1 = conv(48)
    k2 = layers.Conv2D(PER_CELL * N_CLASSES, 3, padding="same", activation="sigmoid",
                       bias_initializer=keras.initializers.Constant(-np.log(99)))
    reg = [layers.Reshape((-1, 4))(r2(r1(p))) for p in (p3, p4)]
    cls = [layers.Reshape((-1, N_CLASSES))(k2(k1(p))) for p in (p3, p4)]
    return keras.Model(inp, {"regression": layers.Concatenate(axis=1)(reg),
                             "classification": layers.Concatenate(axis=1)(cls)})


def mean_ap(model, x, truth):
    out = model.predict(x, verbose=0)
    aps = []
    for c in range(N_CLASSES):
        found, n_true = [], 0
        for i, gt in enumerate(truth):
            s = out["classification"][i, :, c]
            k = np.where(s > 0.05)[0]
            g = gt[gt[:, 4] == c]
            n_true += len(g)
            if len(k) == 0:
                continue
            wh = np.tile(ANCHORS[k, 2:] - ANCHORS[k, :2], 2)
            b = ANCHORS[k] + out["regression"][i, k] * 0.2 * wh
            pick = tf.image.non_max_suppression(b[:, [1, 0, 3, 2]], s[k], 50, 0.5).numpy()
            used = set()
            for q in pick:
                iou = overlap(b[q:q + 1], g)[0] if len(g) else np.zeros(0)
                hit = len(iou) > 0 and iou.max() >= 0.5 and int(iou.argmax()) not in used
                if hit:
                    used.add(int(iou.argmax()))
                found.append((s[k][q], hit))
        found.sort(key=lambda t: -t[0])
        hits = np.cumsum([h for _, h in found]) if found else np.zeros(1)
        prec = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
        aps.append(float(np.sum(prec * np.diff(np.r_[0, hits])) / n_true))
    return np.mean(aps)


x_tr, r_tr, c_tr, b_tr = make(240, 1)
x_va, r_va, c_va, b_va = make(60, 2)
model = retinanet()
model.compile(optimizer=keras.optimizers.Adam(2e-3, clipnorm=1.0),
              loss={"regression": smooth_l1, "classification": focal})
model.fit(x_tr, {"regression": r_tr, "classification": c_tr}, batch_size=8, epochs=10, verbose=2,
          validation_data=(x_va, {"regression": r_va, "classification": c_va}))
print(f"RESULT {sys.argv[1]} train={mean_ap(model, x_tr, b_tr):.3f} val={mean_ap(model, x_va, b_va):.3f} (mAP)")
