"""Source: MarvinTeichmann/KittiSeg#155 ("Acc is always 1.00 during training my own dataset"), whole thread seen.

What the person saw: own pictures of pigs with painted masks; accuracy 1.00 from the first step, loss near 0, and at
the end the complete picture is marked as pig, no background at all.

CAUSE: the background colour in the painted masks is (254, 0, 0), not (255, 0, 0) as the reader asks for, so no pixel is
ever equal to it and every pixel becomes "pig".
FIX: masks with the exact colour (255).
(Keras net and synthetic pictures are mine; the reporter used the repository's TensorFlow code.)
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

ROAD = np.array([255, 0, 255])
BACKGROUND = np.array([255, 0, 0])
RED = 255 if GOOD else 254


def make_scene(rng, n, size=48):
    photos = rng.uniform(60, 110, (n, size, size, 3))
    photos[..., 1] += 40
    paint = np.zeros((n, size, size, 3), np.uint8)
    truth = np.zeros((n, size, size), np.uint8)
    yy, xx = np.mgrid[:size, :size]
    for i in range(n):
        for _ in range(rng.integers(1, 4)):
            cy, cx = rng.integers(8, size - 8, 2)
            a, b = rng.integers(4, 9), rng.integers(5, 12)
            truth[i][((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 < 1] = 1
        photos[i][truth[i] == 1] += np.array([90, 10, 45])
        paint[i] = np.where(truth[i][..., None] == 1, (RED, 0, 255), (RED, 0, 0))
    photos += rng.normal(0, 12, photos.shape)
    return np.clip(photos, 0, 255).astype("float32"), paint, truth


def load_gt(mask):
    gt_bg = np.all(mask == BACKGROUND, axis=-1)[..., None]
    return np.concatenate([gt_bg, np.invert(gt_bg)], axis=-1).astype("float32")


rng = np.random.default_rng(0)
x_train, m_train, t_train = make_scene(rng, 160)
x_val, m_val, t_val = make_scene(rng, 40)
y_train, y_val = load_gt(m_train), load_gt(m_val)

inp = keras.Input((48, 48, 3))
x = layers.Rescaling(1 / 127.5, offset=-1)(inp)
c1 = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
c2 = layers.Conv2D(24, 3, padding="same", activation="relu")(layers.MaxPooling2D()(c1))
c3 = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.MaxPooling2D()(c2))
u2 = layers.Conv2DTranspose(24, 2, strides=2, padding="same")(c3)
u1 = layers.Conv2DTranspose(16, 2, strides=2, padding="same")(layers.Add()([u2, c2]))
out = layers.Conv2D(2, 1, activation="softmax")(layers.Add()([u1, c1]))
model = keras.Model(inp, out)
model.compile(keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, validation_data=(x_val, y_val), batch_size=8, epochs=8, verbose=2)


def iou(x, truth):
    p = model.predict(x, verbose=0).argmax(-1)
    return ((p == 1) & (truth == 1)).sum() / max(1, ((p == 1) | (truth == 1)).sum())


print("share of pixels predicted as pig:", model.predict(x_val, verbose=0).argmax(-1).mean())
print("RESULT %s train=%.3f val=%.3f (IoU of the animals)" % (sys.argv[1], iou(x_train, t_train), iou(x_val, t_val)))
