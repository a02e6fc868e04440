"""Source: zzh8829/yolov3-tf2#214 ("Problem with loss = nan during training"), end of the thread seen (mcbe1985 found it,
MiXaiLL76 confirms "just a mistake").

What the person saw: training a detector on own annotations; the loss is nan.

CAUSE: in some annotations ymin is larger than ymax, so the height is negative and its logarithm in the targets is nan.
FIX: save the smaller one as ymin.
(One box per picture and one anchor; small net of my own. In bad 4 % of the boxes are the wrong way round.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(30)
rng = np.random.default_rng(30)

SIZE = 40
ANCHOR = np.array([12.0, 12.0], "float32")


def photos(n):
    imgs = rng.normal(0.35, 0.06, (n, SIZE, SIZE, 3))
    boxes = np.zeros((n, 4))
    for i in range(n):
        w, h = rng.integers(6, 20, 2)
        x, y = rng.integers(0, SIZE - w), rng.integers(0, SIZE - h)
        imgs[i, y:y + h, x:x + w] += rng.uniform(0.2, 0.6, 3)
        boxes[i] = x, y, x + w, y + h
    return np.clip(imgs, 0, 1).astype("float32"), boxes


def annotate(boxes):
    rows = []
    for b in boxes:
        xmin, ymin, xmax, ymax = b
        if rng.uniform() < 0.04:
            ymin, ymax = ymax, ymin
        if GOOD:
            ymin, ymax = min(ymin, ymax), max(ymin, ymax)
        rows.append((xmin, ymin, xmax, ymax))
    return np.array(rows)


def transform_targets(boxes):
    boxes = tf.constant(boxes, tf.float32)
    xy = (boxes[:, 0:2] + boxes[:, 2:4]) / 2 / SIZE
    wh = tf.math.log((boxes[:, 2:4] - boxes[:, 0:2]) / ANCHOR)
    wh = tf.where(tf.math.is_inf(wh), tf.zeros_like(wh), wh)
    return tf.concat([xy, wh], 1)


x_train, b_train = photos(900)
x_val, b_val = photos(200)
train_ds = tf.data.Dataset.from_tensor_slices((x_train, transform_targets(annotate(b_train)))).shuffle(900, seed=0).batch(16)

inputs = keras.Input((SIZE, SIZE, 3))
x = inputs
for filters in (16, 32, 48):
    x = layers.Conv2D(filters, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.MaxPooling2D(2)(x)
x = layers.Flatten()(x)
x = layers.Dense(64)(x)
x = layers.LeakyReLU(negative_slope=0.1)(x)
outputs = layers.Dense(4)(x)
model = keras.Model(inputs, outputs)


def yolo_loss(y_true, y_pred):
    xy_loss = tf.reduce_sum(tf.square(y_true[:, 0:2] - tf.sigmoid(y_pred[:, 0:2])), -1)
    wh_loss = tf.reduce_sum(tf.square(y_true[:, 2:4] - y_pred[:, 2:4]), -1)
    return 5 * xy_loss + wh_loss


model.compile(keras.optimizers.Adam(1e-3), loss=yolo_loss)
model.fit(train_ds, epochs=15, verbose=2)


def mean_iou(x, boxes):
    p = model.predict(x, verbose=0)
    xy = SIZE / (1 + np.exp(-p[:, 0:2]))
    wh = ANCHOR * np.exp(p[:, 2:4])
    lo, hi = xy - wh / 2, xy + wh / 2
    inter = np.prod(np.clip(np.minimum(hi, boxes[:, 2:]) - np.maximum(lo, boxes[:, :2]), 0, None), 1)
    union = np.prod(wh, 1) + np.prod(boxes[:, 2:] - boxes[:, :2], 1) - inter
    return (inter / union).mean()


print("RESULT %s train=%.3f val=%.3f (mean IoU of the boxes)" % (sys.argv[1], mean_iou(x_train, b_train), mean_iou(x_val, b_val)))
