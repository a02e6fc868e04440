"""
SOURCE: https://intellipaat.com/community/11257/resnet-100-accuracy-during-training-but-33-prediction-accuracy-with-the-same-data
(copy of a Stack Overflow question)
SAW: a ResNet on very few pictures of three classes reaches 100 % accuracy in fit(), but evaluate() and
predict() on the very same pictures give 33 %.
CAUSE: only a few batches are seen, so with the default momentum 0.99 the moving averages of the
BatchNormalization layers are still close to their initial values when the network is used for prediction.
FIX: a lower momentum in the BatchNormalization layers.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
S = 32
momentum = 0.5 if GOOD else 0.99


def picture(k):
    yy, xx = np.mgrid[0:S, 0:S]
    cy, cx = rng.integers(12, 20, 2)
    d = np.hypot(yy - cy, xx - cx)
    img = np.full((S, S, 3), 200.0) + rng.normal(0, 8, (S, S, 3))
    if k == 0:
        m = (d < 9) & (d > 5)
    elif k == 1:
        m = (abs(yy - cy) < 3) & (abs(xx - cx) < 11)
    else:
        m = (d < 10) & ((yy + xx) % 6 < 3)
    img[m] = rng.uniform(20, 90)
    return img / 255.0


def make(n):
    y = np.arange(n) % 3
    return np.array([picture(k) for k in y], "float32"), keras.utils.to_categorical(y, 3)


imgs, y = make(45)
new_imgs, new_y = make(90)


def conv_bn(x, f, s=1):
    x = layers.Conv2D(f, 3, strides=s, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=momentum)(x)


def block(x, f, s):
    short = x
    if s != 1 or x.shape[-1] != f:
        short = layers.BatchNormalization(momentum=momentum)(layers.Conv2D(f, 1, strides=s, use_bias=False)(x))
    z = layers.ReLU()(conv_bn(x, f, s))
    z = conv_bn(z, f)
    return layers.ReLU()(layers.Add()([z, short]))


inp = layers.Input((S, S, 3))
x = layers.ReLU()(conv_bn(inp, 16))
for f, s in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
    x = block(x, f, s)
x = layers.GlobalAveragePooling2D()(x)
model = keras.Model(inp, layers.Dense(3, activation="softmax")(x))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(1e-3), metrics=["accuracy"])

h = model.fit(imgs, y, epochs=8, batch_size=15, shuffle=True, verbose=2)
print("accuracy printed by fit: %.3f" % h.history["accuracy"][-1])
tr = model.evaluate(imgs, y, verbose=0)
va = model.evaluate(new_imgs, new_y, verbose=0)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], tr[1], va[1]))
