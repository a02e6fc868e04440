"""
SOURCE: nikhilroxtomar/Human-Image-Segmentation-with-DeepLabV3Plus-in-TensorFlow#1 ("Model does not converge"),
https://github.com/nikhilroxtomar/Human-Image-Segmentation-with-DeepLabV3Plus-in-TensorFlow/issues/1, fixed by the
reporter in pull request #3 ("typo in shuffling prevents model from converging"), merged.
SAW: the training stops getting better after a few epochs (dice about 0.49, iou 0.34) although the code runs as given.
CAUSE: the shuffled list of the masks is put into another variable (valid_y), so the shuffled pictures are trained
with the masks in their old order, which are masks of other pictures.
FIX: assign both shuffled lists (train_x, train_y = shuffling(train_x, train_y)).
"""
import os, sys, tempfile
from glob import glob
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.utils import shuffle

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(42)
H = W = 48


def draw_person(rng):
    yy, xx = np.mgrid[0:H, 0:W]
    cx, cy = rng.uniform(10, W - 10), rng.uniform(9, 26)
    r = rng.uniform(4, 7)
    m = ((xx - cx) / r) ** 2 + ((yy - cy) / (r * 1.2)) ** 2 < 1
    m |= (((xx - cx) / (r * 1.7)) ** 2 + ((yy - cy - 2.9 * r) / (r * 2.0)) ** 2 < 1)
    img = np.zeros((H, W, 3))
    a, b = rng.uniform(40, 130, 3), rng.uniform(40, 130, 3)
    t = (yy / H)[..., None]
    img[:] = a * t + b * (1 - t)
    for _ in range(4):
        x0, y0 = rng.integers(0, W - 8), rng.integers(0, H - 8)
        img[y0:y0 + rng.integers(4, 16), x0:x0 + rng.integers(4, 16)] = rng.uniform(20, 150, 3)
    skin = np.array([225, 180, 150]) * rng.uniform(0.8, 1.1)
    img[m] = skin
    img += rng.normal(0, 14, img.shape)
    return np.clip(img, 0, 255).astype(np.uint8), m.astype(np.uint8)[..., None]


def make_folder(path, n, seed):
    rng = np.random.default_rng(seed)
    os.makedirs(os.path.join(path, "image")); os.makedirs(os.path.join(path, "mask"))
    for i in range(n):
        x, y = draw_person(rng)
        tf.io.write_file(os.path.join(path, "image", f"{i:05d}.png"), tf.io.encode_png(x))
        tf.io.write_file(os.path.join(path, "mask", f"{i:05d}.png"), tf.io.encode_png(y))


def shuffling(x, y):
    x, y = shuffle(x, y, random_state=42)
    return x, y


def load_data(path):
    x = sorted(glob(os.path.join(path, "image", "*.png")))
    y = sorted(glob(os.path.join(path, "mask", "*.png")))
    return x, y


def parse(x, y):
    x = tf.cast(tf.io.decode_png(tf.io.read_file(x), 3), tf.float32) / 255.0
    y = tf.cast(tf.io.decode_png(tf.io.read_file(y), 1), tf.float32)
    x.set_shape([H, W, 3]); y.set_shape([H, W, 1])
    return x, y


def make_dataset(x, y, batch=8):
    return tf.data.Dataset.from_tensor_slices((x, y)).map(parse).batch(batch).prefetch(4)


def dice_coef(y_true, y_pred):
    y_true, y_pred = keras.ops.reshape(y_true, (-1,)), keras.ops.reshape(y_pred, (-1,))
    inter = keras.ops.sum(y_true * y_pred)
    return (2 * inter + 1e-15) / (keras.ops.sum(y_true) + keras.ops.sum(y_pred) + 1e-15)


def dice_loss(y_true, y_pred):
    return 1.0 - dice_coef(y_true, y_pred)


def cbr(x, f, k=3, d=1, s=1):
    x = layers.Conv2D(f, k, padding="same", dilation_rate=d, strides=s, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def small_deeplab():
    inp = layers.Input((H, W, 3))
    low = cbr(inp, 16, s=2)
    x = cbr(cbr(low, 32, s=2), 32)
    p = [cbr(x, 16, 1), cbr(x, 16, 3, 2), cbr(x, 16, 3, 4)]
    g = layers.GlobalAveragePooling2D(keepdims=True)(x)
    g = layers.UpSampling2D(H // 4)(layers.Conv2D(16, 1, activation="relu")(g))
    x = cbr(layers.Concatenate()(p + [g]), 32, 1)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = cbr(layers.Concatenate()([x, cbr(low, 8, 1)]), 24)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return keras.Model(inp, layers.Conv2D(1, 1, activation="sigmoid")(x))


root = tempfile.mkdtemp()
make_folder(os.path.join(root, "train"), 240, 1)
make_folder(os.path.join(root, "test"), 60, 2)

train_x, train_y = load_data(os.path.join(root, "train"))
if GOOD:
    train_x, train_y = shuffling(train_x, train_y)
else:
    train_x, valid_y = shuffling(train_x, train_y)
valid_x, valid_y = load_data(os.path.join(root, "test"))
print("Train:", len(train_x), len(train_y), " Valid:", len(valid_x), len(valid_y))

train_ds, valid_ds = make_dataset(train_x, train_y), make_dataset(valid_x, valid_y)
model = small_deeplab()
model.compile(loss=dice_loss, optimizer=keras.optimizers.Adam(1e-3), metrics=[dice_coef])
h = model.fit(train_ds, epochs=10, validation_data=valid_ds, verbose=2)
print(f"RESULT {sys.argv[1]} train={h.history['dice_coef'][-1]:.3f} val={h.history['val_dice_coef'][-1]:.3f} (dice)")
