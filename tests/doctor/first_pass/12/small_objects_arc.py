"""
SOURCE: ktjonsson/keras-ArcFace issue #2 ("NaN loss"),
https://github.com/ktjonsson/keras-ArcFace/issues/2 (the reporter BRO-HAMMER gives
the change that finally solved it himself)

SEEN: a small net with an ArcFace layer is trained on ten classes (CIFAR-10, other
backbones than the original). The loss falls very fast and the accuracy rises,
then the loss becomes nan.
(Here: ten drawn things of 32 x 32, embeddings of two numbers so that they can be
looked at.)

CAUSE: the sine is the square root of 1 - cos^2; when an embedding lies on the
direction of its class this is 0 (or just below, by rounding), where the root has
an infinite derivative (or is nan).
FIX: clip 1 - cos^2 to epsilon .. 1 before the root.
"""
import math
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)
SIZE, CLASSES = 32, 10
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def draw(k):
    img = np.zeros((SIZE, SIZE, 3)) + rng.uniform(0.05, 0.95, 3)
    cy, cx, r = rng.uniform(13, 19), rng.uniform(13, 19), rng.uniform(8, 12)
    dy, dx = np.abs(yy - cy), np.abs(xx - cx)
    d = np.hypot(yy - cy, xx - cx)
    m = [d < r, (d < r) & (d > r * 0.6), np.maximum(dy, dx) < r * 0.8,
         (np.maximum(dy, dx) < r * 0.9) & (np.maximum(dy, dx) > r * 0.55),
         dy + dx < r, (dy < 2.5) & (dx < r) | (dx < 2.5) & (dy < r),
         (np.abs(dy - dx) < 2.5) & (d < r), (dx < (yy - cy + r) * 0.5) & (yy < cy + r * 0.7),
         (dy < 3) & (dx < r), (dx < 3) & (dy < r)][k]
    col = rng.uniform(0.05, 0.95, 3)
    while np.abs(col - img[0, 0]).max() < 0.35:
        col = rng.uniform(0.05, 0.95, 3)
    img[m] = col
    return np.clip(img + rng.normal(0, 0.02, img.shape), 0, 1)


def make(n):
    y = np.arange(n) % CLASSES
    return np.array([draw(k) for k in y], "float32"), keras.utils.to_categorical(y, CLASSES)


train_data, train_labels = make(1600)
test_data, test_labels = make(300)


class ArcFace(layers.Layer):
    """cosines between the embedding and the direction of each class"""

    def __init__(self, classes, margin, scale):
        super().__init__()
        self.classes, self.margin, self.scale = classes, margin, scale

    def build(self, shape):
        self.centres = self.add_weight(name="centres", shape=(shape[-1], self.classes), initializer="glorot_normal")

    def call(self, x):
        return tf.nn.l2_normalize(x, 1) @ tf.nn.l2_normalize(ops.convert_to_tensor(self.centres), 0)

    def loss(self, y_true, cos):
        rest = 1.0 - cos ** 2
        if GOOD:
            rest = ops.clip(rest, keras.backend.epsilon(), 1.0)
        sin = tf.sqrt(rest)
        turned = cos * math.cos(self.margin) - sin * math.sin(self.margin)
        turned = tf.where(cos > -math.cos(self.margin), turned, cos - self.margin * math.sin(self.margin))
        logits = self.scale * (y_true * turned + (1.0 - y_true) * cos)
        return tf.nn.softmax_cross_entropy_with_logits(y_true, logits)


af_layer = ArcFace(CLASSES, margin=0.5, scale=64.0)
inp = keras.Input((SIZE, SIZE, 3))
x = inp
for f in (16, 32, 64):
    x = layers.Conv2D(f, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D()(x)
x = layers.Flatten()(x)
x = layers.Dense(64, activation="relu")(x)
embedding = layers.Dense(2)(x)
model = keras.Model(inp, af_layer(embedding))
model.compile(optimizer=keras.optimizers.Adam(0.001), loss=af_layer.loss, metrics=["categorical_accuracy"])
model.fit(train_data, train_labels, batch_size=32, epochs=16, validation_data=(test_data, test_labels), verbose=2)


def acc(X, Y):
    return float(np.mean(np.argmax(model.predict(X, verbose=0), 1) == np.argmax(Y, 1)))


print("RESULT %s train=%.3f val=%.3f (accuracy, nearest class direction)" % (sys.argv[1], acc(train_data, train_labels), acc(test_data, test_labels)))
