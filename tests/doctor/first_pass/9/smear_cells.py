"""
SOURCE: rodrigo2019/keras_yolo2#25 ("Multi label class loss plateau at epochs of 10 by the value of ~80"),
https://github.com/rodrigo2019/keras_yolo2/issues/25; the reporter let-me-cook found it himself, the owner thanks him.
SAW: on the blood cell pictures the losses of place, size and object go down to almost nothing, the class loss stays
where it is from epoch 10 on; the boxes are right, but white and red blood cells are not told apart.
CAUSE: in the class loss the true class is made one-hot with a depth of 1 instead of the number of classes, so after
broadcasting all classes have the same target in each cell.
FIX: one_hot(..., nb_class).
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)
SIZE, GRID, NB_CLASS = 48, 6, 3          # red cells, white cells, platelets
CELL = SIZE // GRID
ANCHORS = np.array([[1.0, 1.0], [2.2, 2.2]], "float32")
NB_BOX = len(ANCHORS)


def smear(rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    img = np.ones((SIZE, SIZE, 3)) * np.array([235, 225, 215]) + rng.normal(0, 6, (SIZE, SIZE, 3))
    objs, taken = [], np.zeros((GRID, GRID), bool)
    for _ in range(rng.integers(3, 6)):
        c = rng.choice(3, p=[0.5, 0.25, 0.25])
        r = [rng.uniform(5, 7.5), rng.uniform(7, 10), rng.uniform(2.5, 4)][c]
        cx, cy = rng.uniform(r, SIZE - r), rng.uniform(r, SIZE - r)
        gx, gy = int(cx // CELL), int(cy // CELL)
        if taken[max(0, gy - 1):gy + 2, max(0, gx - 1):gx + 2].any():
            continue
        taken[gy, gx] = True
        d = np.sqrt((xx - cx) ** 2 + (yy - cy) ** 2)
        if c == 0:
            img[d < r] = [205, 130, 130]; img[d < r * 0.4] = [222, 175, 170]
        elif c == 1:
            img[d < r] = [200, 190, 220]; img[d < r * 0.6] = [110, 70, 150]
        else:
            img[d < r] = [150, 110, 170]
        objs.append((cx / CELL, cy / CELL, 2 * r / CELL, 2 * r / CELL, c))
    img += rng.normal(0, 8, img.shape)
    return (np.clip(img, 0, 255) / 255).astype("float32"), objs


def encode(objs):
    y = np.zeros((GRID, GRID, NB_BOX, 5 + NB_CLASS), "float32")
    for cx, cy, w, h, c in objs:
        inter = np.minimum(ANCHORS[:, 0], w) * np.minimum(ANCHORS[:, 1], h)
        a = np.argmax(inter / (w * h + ANCHORS.prod(1) - inter))
        y[int(cy), int(cx), a, :5] = [cx, cy, w, h, 1]
        y[int(cy), int(cx), a, 5 + c] = 1
    return y


def make(n, seed):
    rng = np.random.default_rng(seed)
    s = [smear(rng) for _ in range(n)]
    return np.array([a for a, _ in s]), np.array([encode(o) for _, o in s])


GX = np.tile(np.arange(GRID, dtype="float32")[None, :, None], (GRID, 1, NB_BOX))
GY = np.tile(np.arange(GRID, dtype="float32")[:, None, None], (1, GRID, NB_BOX))


class YoloLoss(keras.losses.Loss):
    def __init__(self, nb_class, lambda_coord=5.0, lambda_obj=5.0, lambda_noobj=1.0, lambda_class=1.0):
        super().__init__()
        self.nb_class = nb_class
        self.lambda_coord, self.lambda_obj = lambda_coord, lambda_obj
        self.lambda_noobj, self.lambda_class = lambda_noobj, lambda_class

    def coord_loss(self, y_true, y_pred):
        m = y_true[..., 4] * self.lambda_coord
        xy = ops.sigmoid(y_pred[..., 0:2]) + ops.stack([GX, GY], -1)
        wh = ops.exp(ops.clip(y_pred[..., 2:4], -5, 5)) * ANCHORS
        d = ops.sum((y_true[..., 0:2] - xy) ** 2, -1)
        d = d + ops.sum((ops.sqrt(y_true[..., 2:4]) - ops.sqrt(wh)) ** 2, -1)
        return ops.sum(d * m)

    def obj_loss(self, y_true, y_pred):
        p, t = ops.sigmoid(y_pred[..., 4]), y_true[..., 4]
        return ops.sum((t * self.lambda_obj + (1 - t) * self.lambda_noobj) * (t - p) ** 2)

    def class_loss(self, y_true, y_pred):
        p_c_pred = ops.softmax(y_pred[..., 5:])
        depth = self.nb_class if GOOD else 1
        p_c_true = ops.one_hot(ops.argmax(y_true[..., 5:], axis=-1), depth)
        arg = ops.sum((p_c_true - p_c_pred) ** 2, axis=-1)
        return ops.sum(arg * y_true[..., 4] * self.lambda_class)

    def call(self, y_true, y_pred):
        n = ops.cast(ops.shape(y_true)[0], "float32")
        return (self.coord_loss(y_true, y_pred) + self.obj_loss(y_true, y_pred) + self.class_loss(y_true, y_pred)) / n


def yolo():
    inp = layers.Input((SIZE, SIZE, 3))
    x = inp
    for f, s in ((16, 2), (32, 2), (64, 2), (64, 1), (64, 1)):
        x = layers.Conv2D(f, 3, strides=s, padding="same", use_bias=False)(x)
        x = layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(NB_BOX * (5 + NB_CLASS), 1)(x)
    return keras.Model(inp, layers.Reshape((GRID, GRID, NB_BOX, 5 + NB_CLASS))(x))


def report(model, x, y):
    """Share of the cells that are found (in the right square, with good overlap) and named rightly."""
    p = model.predict(x, verbose=0)
    m = y[..., 4] > 0
    sig = lambda q: 1 / (1 + np.exp(-q))
    xy = (sig(p[..., :2]) + np.stack([GX, GY], -1))[m]
    wh = (np.exp(np.clip(p[..., 2:4], -5, 5)) * ANCHORS)[m]
    t, s = y[m], sig(p[..., 4])[m]
    a0, a1, b0, b1 = xy - wh / 2, xy + wh / 2, t[:, :2] - t[:, 2:4] / 2, t[:, :2] + t[:, 2:4] / 2
    inter = np.prod(np.clip(np.minimum(a1, b1) - np.maximum(a0, b0), 0, None), -1)
    iou = inter / (wh.prod(-1) + t[:, 2:4].prod(-1) - inter)
    found = (iou > 0.5) & (s > 0.3)
    named = p[m][:, 5:].argmax(-1) == t[:, 5:].argmax(-1)
    print("boxes found", round(float(found.mean()), 3))
    return float((found & named).mean())


x_tr, y_tr = make(400, 1)
x_va, y_va = make(80, 2)
model = yolo()
model.compile(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, 50 * 16)), loss=YoloLoss(NB_CLASS))
model.fit(x_tr, y_tr, batch_size=8, epochs=16, validation_data=(x_va, y_va), verbose=2)
print(f"RESULT {sys.argv[1]} train={report(model, x_tr, y_tr):.3f} val={report(model, x_va, y_va):.3f} (cells found and rightly named)")
