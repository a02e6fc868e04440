"""
SOURCE: sounakdey/SigNet#2 ("Accuracy decreasing during training phase"); the same mix-up in
keras-team/keras#5052 and #4980 (solved there by reverting the commit that swapped the two terms)
SAW: a siamese CNN with contrastive loss: the loss goes down, the pair accuracy gets worse in every epoch
and ends below chance.
CAUSE: the labels of the pairs (1 = same, 0 = different) are the other way round from what the contrastive
loss expects, so equal pairs are pushed apart and different ones pulled together.
FIX: exchange the roles of y and 1 - y in the loss.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras import layers, ops
from keras.models import Model, Sequential
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

d = load_digits()
X = np.kron(d.images / 16.0, np.ones((1, 2, 2))).astype("float32")[..., None]
tr, te = np.arange(1300), np.arange(1300, len(X))


def create_pairs(idx, n):
    by = [idx[d.target[idx] == c] for c in range(10)]
    a, b, y = [], [], []
    for i in range(n):
        c = rng.integers(10)
        i1, i2 = rng.choice(by[c], 2, replace=False)
        a.append(i1), b.append(i2), y.append(1.0)
        o = (c + rng.integers(1, 10)) % 10
        a.append(rng.choice(by[c])), b.append(rng.choice(by[o])), y.append(0.0)
    return X[a], X[b], np.array(y, "float32")[:, None]


a1, b1, y1 = create_pairs(tr, 1200)
a2, b2, y2 = create_pairs(te, 300)


def base_network():
    return Sequential([
        layers.Input((16, 16, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.1),
        layers.Dense(32),
    ])


class EuclideanDistance(layers.Layer):
    def call(self, xs):
        return ops.sqrt(ops.maximum(ops.sum(ops.square(xs[0] - xs[1]), axis=1, keepdims=True), 1e-7))


def contrastive_loss(y_true, y_pred):
    margin = 1.0
    near = ops.square(y_pred)
    far = ops.square(ops.maximum(margin - y_pred, 0.0))
    if GOOD:
        return ops.mean(y_true * near + (1 - y_true) * far)
    return ops.mean((1 - y_true) * near + y_true * far)


def accuracy(y_true, y_pred):
    return ops.mean(ops.cast(ops.equal(y_true, ops.cast(y_pred < 0.5, y_true.dtype)), "float32"))


net = base_network()
ia, ib = layers.Input((16, 16, 1)), layers.Input((16, 16, 1))
model = Model([ia, ib], EuclideanDistance()([net(ia), net(ib)]))
model.compile(loss=contrastive_loss, optimizer="rmsprop", metrics=[accuracy])
h = model.fit([a1, b1], y1, batch_size=64, epochs=12, validation_data=([a2, b2], y2), verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
