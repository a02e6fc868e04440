"""
SOURCE: https://github.com/apache/mxnet/issues/850 ("Imagenet training accuracy keeps 0.001 even after shuffling the
    data list"; MXNet there, a small AlexNet and ten drawn classes here)
SEEN: AlexNet with the defaults of train_imagenet.py (learning rate 0.01): training and validation accuracy stay at
    chance, although the data list is shuffled.
CAUSE: The script's initializer, Xavier(factor_type="in", magnitude=2.34), keeps the scale of the input, which is 0 to
    255 minus the mean and not divided by anything: activations and gradients are so large at the start that a rate of
    0.01 throws the weights away in the first steps.
FIX: initializer = Normal(sigma=0.01), small weights as in Caffe.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
S, N_CLASSES = 24, 10


def init():
    if GOOD:
        return keras.initializers.RandomNormal(stddev=0.01)
    return keras.initializers.VarianceScaling(scale=2.34 / 3, mode="fan_in", distribution="uniform")


def draw_thumb(label):
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    cx, cy = 12 + rng.normal(0, 1.6, 2)
    r, t = rng.uniform(5.5, 8.5), rng.normal(0, 0.3)
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    d, a = np.hypot(u, v), np.arctan2(v, u)
    shapes = (d < r, (d < r) & (d > 0.55 * r), np.maximum(abs(u), abs(v)) < 0.85 * r, (v < 0.7 * r) & (abs(u) < 0.6 * (v + r)),
              (abs(u) < 0.3 * r) | (abs(v) < 0.3 * r), d < r * (0.6 + 0.4 * np.cos(5 * a)), abs(v) < 0.28 * r,
              (abs(u) < 0.28 * r), (d < r) & (np.sin(2.1 * u) > 0), (d < r) & (u > 0))
    inside = shapes[label] & (d < 1.5 * r)
    fg, bg = rng.uniform(100, 255, 3), rng.uniform(0, 150, 3)
    img = np.where(inside[..., None], fg, bg) + rng.normal(0, 26, (S, S, 3))
    return np.clip(img, 0, 255)


labels = rng.permutation(np.repeat(np.arange(N_CLASSES), 150))
data = np.array([draw_thumb(k) for k in labels], "float32")
mean_img = data[:1200].mean(0)
data -= mean_img
x_train, y_train, x_val, y_val = data[:1200], labels[:1200], data[1200:], labels[1200:]

wd = keras.regularizers.L2(1e-4)


def conv(filters, size):
    return layers.Conv2D(filters, size, padding="same", activation="relu", kernel_initializer=init(), kernel_regularizer=wd)


alexnet = keras.Sequential([
    keras.Input((S, S, 3)),
    conv(16, 5),
    layers.MaxPooling2D(2),
    conv(32, 3),
    layers.MaxPooling2D(2),
    layers.Flatten(),
    layers.Dense(256, activation="relu", kernel_initializer=init(), kernel_regularizer=wd),
    layers.Dropout(0.5),
    layers.Dense(N_CLASSES, activation="softmax", kernel_initializer=init(), kernel_regularizer=wd),
])
alexnet.compile(optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
                loss="sparse_categorical_crossentropy", metrics=["accuracy"])
alexnet.fit(x_train, y_train, batch_size=64, epochs=12, validation_data=(x_val, y_val), verbose=2)

train_acc = alexnet.evaluate(x_train, y_train, verbose=0)[1]
val_acc = alexnet.evaluate(x_val, y_val, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", train_acc, val_acc))
