"""Source: zhixuhao/unet#65 ("Incorrect predictions"), https://github.com/zhixuhao/unet/issues/65
(the reporter sasinghi confirms; aedirn says the same in #174 about steps_per_epoch=10)

Seen: after a training for a short time the accuracy is about 80 %, but the predicted picture is the
same useless grey for all test images.

CAUSE: steps_per_epoch was set so low that the net has seen a handful of small batches only; 80 % is
the share of white pixels.
FIX: many more steps per epoch ("that was it, training longer helped").
"""
import sys
import numpy as np
import keras
from keras import layers
from scipy.spatial import cKDTree
from scipy.ndimage import gaussian_filter

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
SIZE = 64


def slice_of_tissue():
    pts = rng.uniform(-8, SIZE + 8, (20, 2))
    grid = np.stack(np.mgrid[:SIZE, :SIZE], -1).reshape(-1, 2)
    d, _ = cKDTree(pts).query(grid, k=2)
    wall = ((d[:, 1] - d[:, 0]) < 1.5).reshape(SIZE, SIZE)
    img = np.where(wall, 70.0, 165.0) + rng.normal(0, 14, (SIZE, SIZE))
    for _ in range(6):
        cy, cx = rng.uniform(0, SIZE, 2)
        r = np.hypot(grid[:, 0] - cy, grid[:, 1] - cx).reshape(SIZE, SIZE)
        img[r < rng.uniform(1.5, 3)] = 95
    return gaussian_filter(img, 0.6), np.where(wall, 0.0, 255.0)


def make(n):
    parts = [slice_of_tissue() for _ in range(n)]
    return np.stack([p[0] for p in parts])[..., None], np.stack([p[1] for p in parts])[..., None]


def adjustData(img, mask):
    img = img / 255.
    mask = mask / 255.
    return img.astype("float32"), (mask > 0.5).astype("float32")


def trainGenerator(batch_size, images, masks):
    while True:
        bx, by = [], []
        for i in rng.integers(0, len(images), batch_size):
            x, y = images[i], masks[i]
            if rng.random() < 0.5:
                x, y = x[::-1], y[::-1]
            k = rng.integers(4)
            bx.append(np.rot90(x, k))
            by.append(np.rot90(y, k))
        yield adjustData(np.stack(bx), np.stack(by))


def unet(f=8):
    inputs = keras.Input((SIZE, SIZE, 1))

    def double(x, n):
        for _ in range(2):
            x = layers.Conv2D(n, 3, activation="relu", padding="same", kernel_initializer="he_normal")(x)
        return x

    c1 = double(inputs, f)
    c2 = double(layers.MaxPooling2D()(c1), 2 * f)
    c3 = double(layers.MaxPooling2D()(c2), 4 * f)
    u2 = layers.Conv2D(2 * f, 2, activation="relu", padding="same", kernel_initializer="he_normal")(layers.UpSampling2D()(c3))
    c4 = double(layers.Concatenate()([c2, u2]), 2 * f)
    u1 = layers.Conv2D(f, 2, activation="relu", padding="same", kernel_initializer="he_normal")(layers.UpSampling2D()(c4))
    c5 = double(layers.Concatenate()([c1, u1]), f)
    outputs = layers.Conv2D(1, 1, activation="sigmoid")(c5)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-4), loss="binary_crossentropy", metrics=["accuracy"])
    return model


images, masks = make(30)
test_images, test_masks = make(30)

steps = 350 if GOOD else 10
model = unet()
model.fit(trainGenerator(2, images, masks), steps_per_epoch=steps, epochs=3, verbose=2)


def wall_iou(images, masks):
    x, y = adjustData(images, masks)
    p = model.predict(x, verbose=0) < 0.5
    t = y < 0.5
    return np.sum(p & t) / np.sum(p | t)


x, y = adjustData(test_images, test_masks)
print("accuracy on the test pictures", model.evaluate(x, y, verbose=0)[1], "white", y.mean(), "spread of the predictions", model.predict(x, verbose=0).std())
print("RESULT %s train=%.3f val=%.3f (IoU of the membranes)" % ("good" if GOOD else "bad", wall_iou(images, masks), wall_iou(test_images, test_masks)))
