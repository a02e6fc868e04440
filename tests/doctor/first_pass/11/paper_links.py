"""Where from: https://github.com/danielegrattarola/keras-gat/issues/14 ("citeseer dataset loss is nan",
by CEfanmin, who names the remedy; fixed by the owner).  Made-up papers and links in place
of citeseer, and a smaller graph attention layer of one's own.

Seen: with the citeseer data the training loss is nan from the first epoch on (with the cora data
the same program works).

CAUSE: some papers have no word at all, and the features, divided by the sum of their row,
are 0 / 0 = nan there.
FIX: set the nan features to 0 after loading.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

N, F, n_classes = 400, 120, 6


def load_data():
    y = rng.integers(0, n_classes, N)
    topic = rng.random((n_classes, F)) < 0.15
    X = np.where(topic[y], rng.random((N, F)) < 0.22, rng.random((N, F)) < 0.05).astype("float32")
    X[rng.choice(N, 5, replace=False)] = 0.0
    A = np.zeros((N, N), "float32")
    for i in range(N):
        for _ in range(3):
            same = np.flatnonzero(y == y[i])
            j = rng.choice(same) if rng.random() < 0.8 else rng.integers(N)
            A[i, j] = A[j, i] = 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        X = X / X.sum(1, keepdims=True)
    perm = rng.permutation(N)
    Y = np.eye(n_classes, dtype="float32")[y]
    return A, X, Y, perm[:120], perm[120:220], perm[220:]


A, X, Y, idx_train, idx_val, idx_test = load_data()
if GOOD:
    X[np.isnan(X)] = 0.0
A = np.minimum(A + np.eye(N, dtype="float32"), 1.0)


def mask(idx):
    m = np.zeros(N, "float32")
    m[idx] = 1.0
    return m


class GraphAttention(layers.Layer):
    def __init__(self, units, heads, activation, **kw):
        super().__init__(**kw)
        self.units, self.heads = units, heads
        self.act = keras.activations.get(activation)

    def build(self, shapes):
        f = shapes[0][-1]
        new = lambda name, shape: self.add_weight(name=name, shape=shape,
                                                  initializer="glorot_uniform")
        self.kernels = [new("w%d" % h, (f, self.units)) for h in range(self.heads)]
        self.me = [new("a%d" % h, (self.units, 1)) for h in range(self.heads)]
        self.you = [new("b%d" % h, (self.units, 1)) for h in range(self.heads)]

    def call(self, inputs):
        x, a = inputs
        outs = []
        for w, me, you in zip(self.kernels, self.me, self.you):
            h = ops.matmul(x, w)
            score = ops.matmul(h, me) + ops.transpose(ops.matmul(h, you))
            score = ops.leaky_relu(score, 0.2) - 1e9 * (1.0 - a)
            outs.append(ops.matmul(ops.softmax(score, axis=-1), h))
        return self.act(ops.concatenate(outs, axis=-1))


X_in = keras.Input((F,))
A_in = keras.Input((N,))
h = layers.Dropout(0.3)(X_in)
h = GraphAttention(8, 4, "elu")([h, A_in])
h = layers.Dropout(0.3)(h)
out = GraphAttention(n_classes, 1, "softmax")([h, A_in])
model = keras.Model([X_in, A_in], out)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy",
              weighted_metrics=["acc"])
model.fit([X, A], Y, sample_weight=mask(idx_train), epochs=120, batch_size=N, shuffle=False,
          validation_data=([X, A], Y, mask(idx_val)), verbose=2)

pred = model.predict([X, A], batch_size=N, verbose=0)
right = np.where(np.isnan(pred).any(1), False, pred.argmax(1) == Y.argmax(1))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad",
                                         right[idx_train].mean(), right[idx_test].mean()))
