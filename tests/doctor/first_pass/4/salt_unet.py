"""
SOURCE: GitHub hlamba28/UNET-TGS#8 (issue "normalization code for image data in mask directory does not work", 2022)
SAW: U-Net on the TGS salt images; binary crossentropy becomes negative and keeps falling, the accuracy is poor,
     although "the arrays are divided by 255".
CAUSE: the division by 255 never reached the masks: they go into binary_crossentropy with the values 0 and 255.
FIX: divide the masks by 255 too, so that the targets are 0 and 1.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(42)
rng = np.random.RandomState(7)

im_size = 32
n_train, n_valid = 160, 50


def make_pair():
    """a seismic-looking picture and its salt body (png like: 0..255)"""
    yy, xx = np.mgrid[0:im_size, 0:im_size]
    layer = 110 + 35 * np.sin(yy / rng.uniform(2.0, 3.5) + xx * rng.uniform(-0.1, 0.1))
    mask = np.zeros((im_size, im_size))
    for _ in range(rng.randint(1, 3)):
        cy, cx = rng.uniform(6, im_size - 6, 2)
        ry, rx = rng.uniform(4, 9, 2)
        mask[((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1] = 255
    blob = 150 + 10 * np.sin(xx / 4.0)
    img = np.where(mask > 0, blob, layer) + rng.normal(0, 18, mask.shape)
    return np.clip(img, 0, 255), mask


pairs = [make_pair() for _ in range(n_train + n_valid)]
X = np.zeros((len(pairs), im_size, im_size, 1), dtype=np.float32)
y = np.zeros((len(pairs), im_size, im_size, 1), dtype=np.float32)
for i, (img, mask) in enumerate(pairs):
    X[i, ..., 0] = img / 255.0
    if GOOD:
        y[i, ..., 0] = mask / 255.0
    else:
        y[i, ..., 0] = mask
X_train, y_train = X[:n_train], y[:n_train]
X_valid, y_valid = X[n_train:], y[n_train:]


def conv_block(t, n_filters):
    for _ in range(2):
        t = layers.Conv2D(n_filters, 3, padding="same", kernel_initializer="he_normal")(t)
        t = layers.BatchNormalization(momentum=0.9)(t)
        t = layers.Activation("relu")(t)
    return t


inp = keras.Input((im_size, im_size, 1), name="img")
c1 = conv_block(inp, 8)
p1 = layers.Dropout(0.05)(layers.MaxPooling2D()(c1))
c2 = conv_block(p1, 16)
p2 = layers.Dropout(0.05)(layers.MaxPooling2D()(c2))
c3 = conv_block(p2, 32)
u2 = layers.concatenate([layers.Conv2DTranspose(16, 3, strides=2, padding="same")(c3), c2])
c4 = conv_block(u2, 16)
u1 = layers.concatenate([layers.Conv2DTranspose(8, 3, strides=2, padding="same")(c4), c1])
c5 = conv_block(u1, 8)
out = layers.Conv2D(1, 1, activation="sigmoid")(c5)
model = keras.Model(inp, out)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(X_train, y_train, batch_size=8, epochs=18, validation_data=(X_valid, y_valid), verbose=2)


def iou(x, pngs):
    p = model.predict(x, verbose=0)[..., 0] > 0.5
    t = np.array(pngs) > 127
    return (p & t).sum() / max((p | t).sum(), 1)


masks = [m for _, m in pairs]
print("RESULT %s train=%.3f val=%.3f (IoU)" % (sys.argv[1], iou(X_train, masks[:n_train]), iou(X_valid, masks[n_train:])))
