"""
SOURCE: lsh1994/keras-segmentation#10 (Chinese: "about U-Net not being able to predict correctly"),
https://github.com/lsh1994/keras-segmentation/issues/10; the reporter's own solution is in the thread.
SAW: with the author's data all is well; with the own data (masks with the colour table of VOC) the training accuracy
is nearly 1 from the start, and the prediction is one single colour for the whole picture.
CAUSE: the masks are coloured (colour-indexed files with the VOC table), but the reader takes the first channel of
the picture as the number of the class; most classes have 0 there and become background, the others fit no class.
FIX: bring the masks into the format of the author's data, where the pixel value is the number of the class.
"""
import os, sys, tempfile
from glob import glob
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)
S, N_CLASSES = 48, 4
TABLE = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]], np.uint8)   # RGB
root = tempfile.mkdtemp()


def scene(rng):
    yy, xx = np.mgrid[0:S, 0:S]
    img = np.ones((S, S, 3)) * rng.uniform(90, 150) + rng.normal(0, 12, (S, S, 3))
    lab = np.zeros((S, S), np.uint8)
    for c in rng.permutation([1, 2, 3])[:rng.integers(2, 4)]:
        cx, cy, r = rng.uniform(9, S - 9), rng.uniform(9, S - 9), rng.uniform(6, 10)
        if c == 1:
            m = (xx - cx) ** 2 + (yy - cy) ** 2 < r * r
            col = [200, 60, 60]
        elif c == 2:
            m = (abs(xx - cx) < r) & (abs(yy - cy) < r * 0.7)
            col = [60, 170, 80]
        else:
            m = abs(xx - cx) + abs(yy - cy) < r * 1.2
            col = [70, 80, 190]
        img[m] = np.array(col) + rng.normal(0, 18, (m.sum(), 3))
        lab[m] = c
    return np.clip(img, 0, 255).astype(np.uint8), lab


def write_set(name, n, seed):
    rng = np.random.default_rng(seed)
    for d in ("images", "labels"):
        os.makedirs(os.path.join(root, name, d))
    for i in range(n):
        img, lab = scene(rng)
        tf.io.write_file(f"{root}/{name}/images/{i:04d}.png", tf.io.encode_png(img))
        saved = np.repeat(lab[..., None], 3, -1) if GOOD else TABLE[lab]
        tf.io.write_file(f"{root}/{name}/labels/{i:04d}.png", tf.io.encode_png(saved))
        np.save(f"{root}/{name}/{i:04d}_annotated.npy", lab)


def imread(path):
    """Blue, green, red, as OpenCV gives it."""
    return tf.io.decode_png(tf.io.read_file(path), 3).numpy()[:, :, ::-1]


def get_image(path):
    return imread(path).astype("float32") / 127.5 - 1


def get_label(path, n_classes):
    lab = imread(path)[:, :, 0]
    one = np.zeros((S, S, n_classes), "float32")
    for c in range(n_classes):
        one[:, :, c] = lab == c
    return one


def batches(name, batch_size):
    images, labels = sorted(glob(f"{root}/{name}/images/*.png")), sorted(glob(f"{root}/{name}/labels/*.png"))
    order = np.arange(len(images))
    while True:
        np.random.shuffle(order)
        for k in range(0, len(order) - batch_size + 1, batch_size):
            pick = order[k:k + batch_size]
            yield (np.array([get_image(images[i]) for i in pick]),
                   np.array([get_label(labels[i], N_CLASSES) for i in pick]))


def unet():
    inp = layers.Input((S, S, 3))
    conv = lambda f, x: layers.Conv2D(f, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    a = conv(12, conv(12, inp))
    b = conv(24, conv(24, layers.MaxPooling2D()(a)))
    c = conv(48, layers.MaxPooling2D()(b))
    x = conv(24, layers.Concatenate()([layers.UpSampling2D()(c), b]))
    x = conv(12, layers.Concatenate()([layers.UpSampling2D()(x), a]))
    return keras.Model(inp, layers.Conv2D(N_CLASSES, 1, activation="softmax")(x))


write_set("train", 160, 1)
write_set("test", 48, 2)
model = unet()
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(1e-3), metrics=["acc"])
model.fit(batches("train", 8), steps_per_epoch=20, epochs=8, validation_data=batches("test", 8),
          validation_steps=6, verbose=2)


def mean_iou(name):
    images, truth = sorted(glob(f"{root}/{name}/images/*.png")), sorted(glob(f"{root}/{name}/*_annotated.npy"))
    p = model.predict(np.array([get_image(i) for i in images]), verbose=0).argmax(-1)
    t = np.array([np.load(i) for i in truth])
    return np.mean([((p == c) & (t == c)).sum() / max(1, ((p == c) | (t == c)).sum()) for c in range(1, N_CLASSES)])


print(f"RESULT {sys.argv[1]} train={mean_iou('train'):.3f} val={mean_iou('test'):.3f} (mean IoU of the three things)")
