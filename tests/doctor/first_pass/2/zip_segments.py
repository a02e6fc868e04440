"""
Source: keras-team/keras#7702 ("Keras ImageDataGenerator doesn't work properly with shuffle when transforming image and mask together")

Seen: pictures and masks are read from two places with the same file names and shuffled with the same seed to train a u-net;
the network learns nothing but a blurred average mask.

CAUSE: the file names of the two places come in a different order, so a picture is paired with the mask of another picture.
FIX: sort the file names of both places before use.
"""
import io
import sys
import zipfile

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(16)
rng = np.random.default_rng(16)

N, S, batch_size = 320, 32, 16
yy, xx = np.mgrid[0:S, 0:S]


def make_archives():
    files = {}
    for i in range(N):
        cy, cx = rng.uniform(6, S - 6, 2)
        r = rng.uniform(4, 8)
        blob = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
        img = rng.normal(100, 20, (S, S))
        img[blob] += 70
        files[f"sample_{i:03d}.npy"] = (np.clip(img, 0, 255).astype("uint8"), blob.astype("uint8"))
    out = []
    for part, order in ((0, rng.permutation(N)), (1, rng.permutation(N))):
        buf = io.BytesIO()
        names = list(files)
        with zipfile.ZipFile(buf, "w") as z:
            for j in order:
                b = io.BytesIO()
                np.save(b, files[names[j]][part])
                z.writestr(names[j], b.getvalue())
        out.append(zipfile.ZipFile(buf))
    return out


images_zip, masks_zip = make_archives()
image_names = images_zip.namelist()
mask_names = masks_zip.namelist()
if GOOD:
    image_names = sorted(image_names)
    mask_names = sorted(mask_names)


def read(z, name):
    return np.load(io.BytesIO(z.read(name))).astype("float32")[..., None]


def stream(z, names, seed, scale):
    r = np.random.default_rng(seed)
    while True:
        order = r.permutation(len(names))
        for k in range(0, len(names) - batch_size + 1, batch_size):
            yield np.stack([read(z, names[j]) for j in order[k:k + batch_size]]) / scale


n_train = 256
train_gen = zip(stream(images_zip, image_names[:n_train], 1, 255.0), stream(masks_zip, mask_names[:n_train], 1, 1.0))
val_gen = zip(stream(images_zip, image_names[n_train:], 2, 255.0), stream(masks_zip, mask_names[n_train:], 2, 1.0))

inp = keras.Input((S, S, 1))
a = layers.Conv2D(8, 3, padding="same", activation="relu")(inp)
b = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
c = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
d = layers.Conv2DTranspose(16, 2, strides=2, activation="relu")(c)
d = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.concatenate([d, b]))
e = layers.Conv2DTranspose(8, 2, strides=2, activation="relu")(d)
e = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.concatenate([e, a]))
unet = keras.Model(inp, layers.Conv2D(1, 1, activation="sigmoid")(e))
unet.compile(optimizer="adam", loss="binary_crossentropy")

steps = n_train // batch_size
unet.fit(((x, y) for x, y in train_gen), steps_per_epoch=steps, epochs=12,
         validation_data=((x, y) for x, y in val_gen), validation_steps=(N - n_train) // batch_size, verbose=2)


def iou(lo, hi):
    x = np.stack([read(images_zip, n) for n in image_names[lo:hi]]) / 255.0
    t = np.stack([read(masks_zip, n) for n in mask_names[lo:hi]]) > 0.5
    p = unet.predict(x, verbose=0) > 0.5
    return (p & t).sum() / max(1, (p | t).sum())


print(f"RESULT {sys.argv[1]} train={iou(0, n_train):.3f} val={iou(n_train, N):.3f} (IoU)")
