"""
SOURCE: https://geek-tips.imtqy.com/articles/561568/index.html (copy of a Stack Overflow question about a Keras
residual network that is right while fitting and wrong in evaluate/predict on the same pictures)

SEEN: three pictures of three classes, a residual network, model.fit(imgs, y, epochs=5). The accuracy in fit is 1
and the loss close to zero; model.evaluate() on the very same three pictures gives a loss of 10 and accuracy 0.33.

CAUSE: only a handful of updates are made, and with the default momentum of 0.99 the moving mean and variance
of the BatchNormalization layers are still close to their starting values 0 and 1 when they are used for evaluation.
FIX: a lower momentum in the BatchNormalization layers, so that the moving averages catch up in a few updates.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_sample_images

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(5)

MOMENTUM = 0.5 if GOOD else 0.99
S = 64

china, flower = load_sample_images().images
imgs = np.stack([china[100:100 + 4 * S:4, 200:200 + 4 * S:4],
                 flower[60:60 + 4 * S:4, 250:250 + 4 * S:4],
                 china[-4 * S::4, :4 * S:4]]).astype("float32")
imgs -= np.array([123.68, 116.779, 103.939], dtype="float32")
y = np.eye(3, dtype="float32")


def bn():
    return layers.BatchNormalization(momentum=MOMENTUM)


def res_block(x, filters, stride):
    short = bn()(layers.Conv2D(filters, 1, strides=stride)(x))
    h = layers.Conv2D(filters, 3, strides=stride, padding="same")(x)
    h = layers.Activation("relu")(bn()(h))
    h = layers.Conv2D(filters, 3, padding="same")(h)
    h = bn()(h)
    return layers.Activation("relu")(layers.Add()([h, short]))


inp = keras.Input((S, S, 3))
x = layers.Conv2D(16, 7, strides=2, padding="same")(inp)
x = layers.Activation("relu")(bn()(x))
for f, s in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
    x = res_block(x, f, s)
x = layers.GlobalAveragePooling2D()(x)
out = layers.Dense(3, activation="softmax")(x)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])

h = model.fit(imgs, y, epochs=12, shuffle=True, verbose=2)
loss, acc = model.evaluate(imgs, y, verbose=0)
print("evaluate on the same pictures: loss %.4f  accuracy %.3f" % (loss, acc))
print(model.predict(imgs, verbose=0).round(3))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], acc))
