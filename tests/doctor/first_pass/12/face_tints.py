"""
SOURCE: 2014mchidamb/DeepColorization issue #2 ("No blue and green spectrum"),
https://github.com/2014mchidamb/DeepColorization/issues/2

SEEN: a small Keras net (convolutions with stride, then UpSampling2D) gets the
lightness L of a picture and shall give the two colour channels a and b of Lab.
Training runs, but the coloured pictures never contain anything blue or green.
(Here: drawn scenes of 32 x 32, whose things have one colour each.)

CAUSE: the last layer ends in relu, so the output is never negative, while a and
b run from -128 to 128.
FIX: divide the colour channels by 128 for the training, end in tanh, and multiply
the output by 128.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, UpSampling2D, Activation, BatchNormalization

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
SIZE = 32

# what can be in a picture: texture -> (L, a, b)
THINGS = {
    "sky": (70, -8, -42),
    "lawn": (50, -46, 44),
    "brick": (45, 48, 34),
    "sand": (78, 6, 46),
    "plum": (34, 40, -38),
}
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def texture(name):
    p = rng.integers(0, 8)
    if name == "lawn":
        return 9.0 * (((xx + p) % 3) == 0)
    if name == "brick":
        return 9.0 * (((yy + p) % 4) == 0) + 5.0 * (((xx + p) % 6) == 0)
    if name == "sand":
        return rng.normal(0, 4, (SIZE, SIZE))
    if name == "plum":
        return 6.0 * (((xx + yy + p) % 5) < 2)
    return 4.0 * yy / SIZE


def picture():
    lab = np.zeros((SIZE, SIZE, 3), "float32")
    names = list(rng.permutation(list(THINGS)))
    where = np.zeros((SIZE, SIZE), int)
    where[rng.integers(12, 22):] = 1
    for k in (2, 3):
        r, cy, cx = rng.integers(5, 9), rng.integers(6, 26), rng.integers(6, 26)
        where[(yy - cy) ** 2 + (xx - cx) ** 2 < r * r] = k
    for k in range(4):
        m = where == k
        L, a, b = THINGS[names[k]]
        lab[m, 0] = (L + texture(names[k]))[m]
        lab[m, 1] = a
        lab[m, 2] = b
    lab += rng.normal(0, 1.2, lab.shape)
    return lab


lab = np.array([picture() for _ in range(700)], "float32")
split = int(0.9 * len(lab))
Xtrain, Ytrain = lab[:split, :, :, :1], lab[:split, :, :, 1:]
Xtest, Ytest = lab[split:, :, :, :1], lab[split:, :, :, 1:]

model = Sequential([Input((SIZE, SIZE, 1))])


def block(maps, strides=1):
    model.add(Conv2D(maps, 3, strides=strides, padding="same"))
    model.add(BatchNormalization())
    model.add(Activation("relu"))


block(8)
block(16)
block(16, strides=2)
block(32)
block(32, strides=2)
block(64)
model.add(UpSampling2D(2))
block(64)
block(32)
model.add(UpSampling2D(2))
block(32)
block(16)
model.add(Conv2D(2, 3, padding="same"))
if GOOD:
    model.add(Activation("tanh"))
    scale = 128.0
else:
    model.add(Activation("relu"))
    scale = 1.0

model.compile(optimizer="rmsprop", loss="mse")

batch_size = 10


def pictures(batch_size):
    while True:
        order = np.random.permutation(len(Xtrain))
        for s in range(0, len(order) - batch_size + 1, batch_size):
            i = order[s:s + batch_size]
            yield Xtrain[i], Ytrain[i] / scale


model.fit(pictures(batch_size), steps_per_epoch=63, epochs=8, verbose=2)
print(model.evaluate(Xtest, Ytest / scale, batch_size=batch_size, verbose=0))


COLOURS = np.array([c[1:] for c in THINGS.values()], "float32")


def named(ab):
    return np.argmin(((ab[..., None, :] - COLOURS) ** 2).sum(-1), -1)


def score(X, Y):
    out = model.predict(X, verbose=0) * scale
    print("a from %.0f to %.0f, b from %.0f to %.0f; R2 %.3f" % (
        out[..., 0].min(), out[..., 0].max(), out[..., 1].min(), out[..., 1].max(),
        1 - ((out - Y) ** 2).sum() / ((Y - Y.mean((0, 1, 2))) ** 2).sum()))
    return float((named(out) == named(Y)).mean())


tr, va = score(Xtrain[:200], Ytrain[:200]), score(Xtest, Ytest)
print("RESULT %s train=%.3f val=%.3f (pixels whose colour is nearest to the right one of the five)" % (sys.argv[1], tr, va))
