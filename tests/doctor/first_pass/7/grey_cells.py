"""Source: zhixuhao/unet#148 ("Nothing comes out: just a grey, black, or white screen depending on the weight"), thread
seen up to the change that helped (comment of AliceWord, "it works for me").

What the person saw: the U-Net for the cell membranes gives one plain grey, black or white picture for every input.

CAUSE: before the last 1 x 1 convolution there is a convolution to only two channels with relu; when both of them are 0
everywhere, nothing but the last bias is left and no gradient gets through.
FIX: take that layer out (comment out the line conv9 = Conv2D(2, 3, activation='relu', ...)).
(Smaller U-Net, synthetic cells; rate 0.004 in place of 0.0001 as there are few steps; the
seed is one with which both channels die, which happens with some starts only.)
"""
import sys
import numpy as np
import keras
from keras.layers import Input, Conv2D, MaxPooling2D, UpSampling2D, Dropout, concatenate
from keras.models import Model

GOOD = sys.argv[1] == "good"
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 12
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(14)

SIZE = 48


def tissue(n):
    yy, xx = np.mgrid[:SIZE, :SIZE]
    img, mask = np.zeros((n, SIZE, SIZE, 1), "float32"), np.zeros((n, SIZE, SIZE, 1), "float32")
    for i in range(n):
        p = rng.uniform(0, SIZE, (10, 2))
        d = np.sort(np.hypot(yy[..., None] - p[:, 0], xx[..., None] - p[:, 1]), -1)
        m = (d[..., 1] - d[..., 0]) > 2.0
        mask[i, ..., 0] = m
        img[i, ..., 0] = np.clip(np.where(m, 0.7, 0.3) + rng.normal(0, 0.1, m.shape), 0, 1)
    return img, mask


x_train, y_train = tissue(100)
x_val, y_val = tissue(30)


def conv(filters, x, k=3):
    return Conv2D(filters, k, activation="relu", padding="same", kernel_initializer="he_normal")(x)


inputs = Input((SIZE, SIZE, 1))
conv1 = conv(16, conv(16, inputs))
conv2 = conv(32, conv(32, MaxPooling2D(2)(conv1)))
conv3 = conv(48, conv(48, MaxPooling2D(2)(conv2)))
drop3 = Dropout(0.5)(conv3)
up4 = conv(32, UpSampling2D(2)(drop3), 2)
conv4 = conv(32, conv(32, concatenate([conv2, up4])))
up5 = conv(16, UpSampling2D(2)(conv4), 2)
conv5 = conv(16, conv(16, concatenate([conv1, up5])))
if not GOOD:
    conv5 = conv(2, conv5)
conv6 = Conv2D(1, 1, activation="sigmoid")(conv5)
model = Model(inputs, conv6)
model.compile(optimizer=keras.optimizers.Adam(4e-3), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=5, epochs=8, validation_data=(x_val, y_val), verbose=2)

p = model.predict(x_val, verbose=0)
print("darkest and brightest pixel of the answers:", p.min(), p.max())


def balanced(x, y):
    p = model.predict(x, verbose=0) > 0.5
    return 0.5 * (p[y == 1].mean() + (~p)[y == 0].mean())


print("RESULT %s train=%.3f val=%.3f (balanced pixel accuracy)" % (
    sys.argv[1], balanced(x_train, y_train), balanced(x_val, y_val)))
