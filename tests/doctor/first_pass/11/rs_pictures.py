"""
SOURCE: keras-team/keras#16726 (pull request "Fix batchnorm momentum in ResNetRS", from the
    discussion in #16001; the same in sebastian-sz/resnet-rs-keras#28).
SAW: Training ResNet-RS from scratch and fine-tuning it are harmed, while inference with the
    weights that are offered is fine. (That it shows in validation is what the run here shows.)
CAUSE: The BatchNormalization layers have momentum=0.0, so that the statistics used in validation are those
    of the last (small) batch alone.
FIX: A usual momentum (0.9).
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

BN_MOMENTUM = 0.9 if GOOD else 0.0
NUM_CLASSES = 6
SIZE = 28


def fruit_pictures(n, rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype("float32")
    X, Y = np.zeros((n, SIZE, SIZE, 3), "float32"), rng.integers(0, NUM_CLASSES, n)
    for i, k in enumerate(Y):
        cy, cx, r = rng.uniform(11, 17), rng.uniform(11, 17), rng.uniform(6, 10)
        a = np.abs(yy - cy) / r
        b = np.abs(xx - cx) / r
        shape = [a ** 2 + b ** 2, np.maximum(a, b), a + b][k % 3] < 1
        tint = rng.uniform(0.5, 0.9, 3)
        ground = rng.uniform(0.05, 0.25, 3)
        pic = np.where(shape[..., None], tint, ground)
        if k >= 3:
            pic = pic * np.where(xx // 2 % 2, 1.0, 0.6)[..., None]
        X[i] = pic * rng.uniform(0.2, 1.6) + rng.normal(0, 0.03, (SIZE, SIZE, 3))
    return X, Y


rng = np.random.default_rng(21)
x_train, y_train = fruit_pictures(801, rng)
x_val, y_val = fruit_pictures(300, rng)


def conv_bn(x, filters, kernel, strides=1, act=True, name=None):
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False,
                      kernel_initializer="he_normal", name=name + "_conv")(x)
    x = layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=1e-5, name=name + "_bn")(x)
    return layers.Activation("relu", name=name + "_act")(x) if act else x


def se(x, name):
    filters = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True, name=name + "_squeeze")(x)
    s = layers.Conv2D(max(4, filters // 4), 1, activation="relu", name=name + "_reduce")(s)
    s = layers.Conv2D(filters, 1, activation="sigmoid", name=name + "_expand")(s)
    return layers.Multiply(name=name + "_excite")([x, s])


def bottleneck(x, filters, strides, name):
    shortcut = x
    if strides > 1 or x.shape[-1] != filters * 2:
        if strides > 1:
            shortcut = layers.AveragePooling2D(2, padding="same", name=name + "_pool")(shortcut)
        shortcut = conv_bn(shortcut, filters * 2, 1, act=False, name=name + "_proj")
    x = conv_bn(x, filters, 1, name=name + "_1")
    x = conv_bn(x, filters, 3, strides, name=name + "_2")
    x = conv_bn(x, filters * 2, 1, act=False, name=name + "_3")
    x = se(x, name + "_se")
    return layers.Activation("relu", name=name + "_out")(layers.Add(name=name + "_add")([x, shortcut]))


def ResNetRS_small():
    inp = layers.Input((SIZE, SIZE, 3))
    x = conv_bn(inp, 12, 3, 2, name="stem_1")
    x = conv_bn(x, 16, 3, name="stem_2")
    x = bottleneck(x, 8, 1, "b1")
    x = bottleneck(x, 16, 2, "b2")
    x = bottleneck(x, 24, 2, "b3")
    x = layers.GlobalAveragePooling2D(name="top_pool")(x)
    x = layers.Dropout(0.25, name="top_dropout")(x)
    return keras.Model(inp, layers.Dense(NUM_CLASSES, activation="softmax", name="predictions")(x))


model = ResNetRS_small()
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy",
              metrics=["accuracy"], jit_compile=False)
history = model.fit(x_train, y_train, batch_size=4, epochs=8, validation_data=(x_val, y_val), verbose=2)

print(f"RESULT {sys.argv[1]} train={history.history['accuracy'][-1]:.3f} "
      f"val={history.history['val_accuracy'][-1]:.3f} (accuracy, {NUM_CLASSES} classes; train as fit shows it)")
