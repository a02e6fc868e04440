"""
SOURCE: pudae/tensorflow-densenet pull request #22 ("fixed dropout/keep_prob
confusion", the writer: "it cost me a few training hours"; the fix comes from
issue #11; the same in issue #20), https://github.com/pudae/tensorflow-densenet/pull/22

SEEN: a DenseNet with dropout switched on (dropout_rate=0.2) is trained, and
hours of training give far less than they should.
(The data are not described there; scans of leaves of five kinds, drawn, here, and
a net of two small dense blocks.)

CAUSE: the dropout rate is handed over as keep_prob, so each of the many dropout
layers keeps only 20 % of its values instead of 80 %.
FIX: keep_prob = 1.0 - dropout_rate.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
SIZE, CLASSES = 32, 5
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def leaf(kind):
    img = np.full((SIZE, SIZE, 3), 235.0) + rng.normal(0, 5, (SIZE, SIZE, 3))
    cy, cx, t = rng.uniform(13, 19), rng.uniform(13, 19), rng.uniform(0, 6.28)
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    r, a = np.hypot(u, v), np.arctan2(v, u)
    s = rng.uniform(9, 12)
    edge = [s * 0.75,                                     # round
            s * 0.45 / np.sqrt(np.sin(a) ** 2 + 0.12),    # long
            s * (0.6 + 0.35 * np.cos(5 * a)),             # five fingers
            s * (0.75 + 0.12 * np.cos(14 * a)),           # toothed
            s * (0.6 + 0.35 * np.cos(3 * a))][kind]       # three parts
    m = r < edge
    img[m] = np.array([60, 130, 50]) * rng.uniform(0.6, 1.4)
    img[m & (np.abs(v) < 0.8)] *= 0.6
    return np.clip(img + rng.normal(0, 8, img.shape), 0, 255)


def make(n):
    y = np.arange(n) % CLASSES
    return np.array([leaf(k) for k in y], "float32") / 255.0, y


x_train, y_train = make(800)
x_val, y_val = make(250)

growth, dropout_rate = 8, 0.2


def dropout(net, keep_prob):
    return layers.Dropout(1.0 - keep_prob)(net)


def conv(net, num_filters, kernel):
    net = layers.BatchNormalization(momentum=0.9)(net)
    net = layers.Activation("relu")(net)
    net = layers.Conv2D(num_filters, kernel, padding="same", use_bias=False)(net)
    if dropout_rate:
        if GOOD:
            net = dropout(net, keep_prob=1.0 - dropout_rate)
        else:
            net = dropout(net, keep_prob=dropout_rate)
    return net


def dense_block(net, num_layers):
    for _ in range(num_layers):
        out = conv(net, growth * 4, 1)
        out = conv(out, growth, 3)
        net = layers.Concatenate()([net, out])
    return net


def transition(net):
    net = conv(net, net.shape[-1] // 2, 1)
    return layers.AveragePooling2D(2)(net)


inp = keras.Input((SIZE, SIZE, 3))
net = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(inp)
net = dense_block(net, 4)
net = transition(net)
net = dense_block(net, 4)
net = layers.BatchNormalization(momentum=0.9)(net)
net = layers.Activation("relu")(net)
net = layers.GlobalAveragePooling2D()(net)
net = layers.Dense(CLASSES, activation="softmax")(net)
model = keras.Model(inp, net)
model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=12, validation_data=(x_val, y_val), verbose=2,
          callbacks=[keras.callbacks.LearningRateScheduler(lambda e: 0.1 if e < 8 else 0.01)])

tr = model.evaluate(x_train, y_train, verbose=0)[1]
va = model.evaluate(x_val, y_val, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, va))
