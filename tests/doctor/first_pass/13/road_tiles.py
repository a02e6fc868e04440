"""
SOURCE: https://github.com/speedinghzl/CCNet/issues/20 ("About road segmentation"; PyTorch there, a small net here)
SEEN: Own data, road = 255 and everything else 0 in the masks, NUM_CLASSES=2, id_to_trainid={0: 0, 255: 255}: the
    training converges at once, but the predicted image is all black.
CAUSE: 255 is the ignore label of the loss. All road pixels are left out of it, only background is left, and the net
    learns to answer "background" everywhere.
FIX: id_to_trainid={0: 0, 255: 1}.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

NUM_CLASSES = 2
IGNORE_LABEL = 255
id_to_trainid = {0: 0, 255: 1 if GOOD else 255}

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
S = 40


def draw_tile():
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    img = np.zeros((S, S, 3))
    img[:] = np.array([105, 120, 80]) + rng.normal(0, 14, 3)
    for _ in range(rng.integers(2, 6)):
        t, off = rng.uniform(0, 6.3), rng.normal(0, 9)
        field = (xx - 20) * np.cos(t) + (yy - 20) * np.sin(t) > off + 12
        img[field] = np.array([130, 115, 85]) + rng.normal(0, 22, 3)
    mask = np.zeros((S, S), "uint8")
    for _ in range(rng.integers(1, 3)):
        t, off, w, bend = rng.uniform(0, 3.2), rng.normal(0, 7), rng.uniform(1.4, 2.8), rng.normal(0, 0.008)
        u = (xx - 20) * np.cos(t) + (yy - 20) * np.sin(t)
        v = -(xx - 20) * np.sin(t) + (yy - 20) * np.cos(t)
        road = np.abs(u - off - bend * v * v) < w
        img[road] = rng.uniform(120, 165) + rng.normal(0, 5, 3)
        mask[road] = 255
    for _ in range(rng.integers(1, 5)):
        x0, y0, w, h = rng.integers(0, S - 5), rng.integers(0, S - 5), rng.integers(3, 8), rng.integers(3, 8)
        img[y0:y0 + h, x0:x0 + w] = rng.uniform(130, 190) + rng.normal(0, 18, 3)
        mask[y0:y0 + h, x0:x0 + w] = 0
    img = img * rng.uniform(0.8, 1.15) + rng.normal(0, 10, img.shape)
    return np.clip(img, 0, 255).astype("float32"), mask


def id2trainid(label):
    label_copy = label.astype("int32")
    for k, v in id_to_trainid.items():
        label_copy[label == k] = v
    return label_copy


tiles = [draw_tile() for _ in range(240)]
mean = np.array([114, 115, 95], "float32")
x = np.array([t[0] for t in tiles]) - mean
raw = np.array([t[1] for t in tiles])
y = np.array([id2trainid(m) for m in raw])
x_train, y_train, raw_train = x[:200], y[:200], raw[:200]
x_test, y_test, raw_test = x[200:], y[200:], raw[200:]

inp = keras.Input((S, S, 3))
h = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inp)
h = layers.BatchNormalization(momentum=0.9)(h)
low = layers.ReLU()(h)
h = low
for filters, dilation in ((24, 1), (24, 2), (24, 4)):
    s = layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, use_bias=False)(h)
    s = layers.BatchNormalization(momentum=0.9)(s)
    s = layers.ReLU()(s)
    h = layers.Add()([h, s]) if h.shape[-1] == filters else s
h = layers.Concatenate()([h, low])
h = layers.Conv2D(24, 1, activation="relu")(h)
h = layers.Conv2D(NUM_CLASSES, 1)(h)
out = layers.UpSampling2D(2, interpolation="bilinear")(h)
model = keras.Model(inp, out)

epochs, batch_size = 11, 10
steps = epochs * len(x_train) // batch_size
poly = keras.optimizers.schedules.PolynomialDecay(1e-2, steps, 1e-4, power=0.9)
model.compile(optimizer=keras.optimizers.SGD(poly, momentum=0.9, weight_decay=5e-4),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=IGNORE_LABEL))
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_data=(x_test, y_test), verbose=2)


def road_iou(images, masks):
    pred = np.argmax(model.predict(images, verbose=0), -1) == 1
    true = masks == 255
    return np.sum(pred & true) / np.sum(pred | true), pred.mean()


train_iou, _ = road_iou(x_train, raw_train)
test_iou, share = road_iou(x_test, raw_test)
print("share of pixels predicted as road: %.4f" % share)
print("RESULT %s train=%.3f val=%.3f (road IoU)" % ("good" if GOOD else "bad", train_iou, test_iou))
