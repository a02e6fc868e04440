"""
Source: divamgupta/image-segmentation-keras#30 ("I get all output predicted images of single color")

Seen: a two-class segmentation (object and background) with own masks; after training every predicted picture has one single colour.

CAUSE: the binary masks contain 0 and 255 instead of 0 and 1, so the binary cross-entropy pushes every pixel to "object".
FIX: make sure the mask has only 0 and 1 (divide by 255).
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

H = W = 32
yy, xx = np.mgrid[0:H, 0:W]


def scene():
    img = rng.normal(90, 15, (H, W))
    mask = np.zeros((H, W), "uint8")
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.uniform(5, H - 5), rng.uniform(5, W - 5)
        a, b = rng.uniform(3, 6, 2)
        blob = ((yy - cy) / a) ** 2 + ((xx - cx) / b) ** 2 < 1
        img[blob] += 60
        mask[blob] = 255
    return np.clip(img, 0, 255), mask


pairs = [scene() for _ in range(360)]
images = np.array([p[0] for p in pairs], dtype="float32")[..., None] / 255
masks = np.array([p[1] for p in pairs], dtype="float32")[..., None]
if GOOD:
    masks = masks / 255

inp = layers.Input((H, W, 1))
c1 = layers.Conv2D(8, 3, activation="relu", padding="same")(inp)
p1 = layers.MaxPooling2D()(c1)
c2 = layers.Conv2D(16, 3, activation="relu", padding="same")(p1)
p2 = layers.MaxPooling2D()(c2)
c3 = layers.Conv2D(32, 3, activation="relu", padding="same")(p2)
u2 = layers.concatenate([layers.UpSampling2D()(c3), c2])
c4 = layers.Conv2D(16, 3, activation="relu", padding="same")(u2)
u1 = layers.concatenate([layers.UpSampling2D()(c4), c1])
c5 = layers.Conv2D(8, 3, activation="relu", padding="same")(u1)
out = layers.Conv2D(1, 1, activation="sigmoid")(c5)

model = keras.Model(inp, out)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(images[:300], masks[:300], batch_size=10, epochs=12,
          validation_data=(images[300:], masks[300:]), verbose=2)


def iou(a, m):
    p = model.predict(a, verbose=0) > 0.5
    t = m > 0
    return (p & t).sum() / (p | t).sum()


print("share of pixels predicted as object:", float((model.predict(images[300:], verbose=0) > 0.5).mean()))
print(f"RESULT {sys.argv[1]} train={iou(images[:300], masks[:300]):.3f} val={iou(images[300:], masks[300:]):.3f} (IoU)")
