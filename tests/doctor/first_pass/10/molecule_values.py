"""
SOURCE: https://github.com/keiserlab/keras-neural-graph-fingerprint/issues/2 ("Add trainable
weights"), description by the author seen. The molecules are made up here (random small graphs).
SEEN: the layers for the graph fingerprints (NeuralGraphHidden, NeuralGraphOutput) are not learning.
CAUSE: the dense layers inside them make their weights, but these are not among the trainable weights
of the graph layer, so only the last dense layer of the model is trained.
FIX: register the inner layers with the graph layer, so that their weights are trainable weights of it.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)

ATOMS, KINDS, DEG = 10, 6, 4


def molecules(n):
    atoms = np.zeros((n, ATOMS, KINDS), "float32")
    bonds = np.zeros((n, ATOMS, ATOMS), "float32")
    value = np.zeros(n, "float32")
    for i in range(n):
        k = rng.integers(5, ATOMS + 1)
        kind = rng.integers(0, KINDS, k)
        atoms[i, np.arange(k), kind] = 1
        for j in range(1, k):
            free = [m for m in range(j) if bonds[i, m].sum() < DEG]
            m = rng.choice(free)
            bonds[i, j, m] = bonds[i, m, j] = 1
        deg = bonds[i].sum(1)[:k]
        for j in range(k):
            near = kind[np.where(bonds[i, j, :k])[0]]
            if kind[j] == 0 and 1 in near:
                value[i] += 1.0
            if kind[j] == 2 and 3 in near:
                value[i] -= 1.0
            if kind[j] == 4 and deg[j] >= 3:
                value[i] += 1.0
    return atoms, bonds, value


class DegreeBank:
    """One dense layer for each number of neighbours."""

    def __init__(self, width, activation):
        self.by_degree = [layers.Dense(width, activation=activation) for _ in range(DEG + 1)]

    def build(self, n_in):
        for d in self.by_degree:
            d.build((None, None, n_in))

    def apply(self, x, one_hot_degree):
        out = 0
        for k, d in enumerate(self.by_degree):
            out = out + d(x) * one_hot_degree[:, :, k:k + 1]
        return out


class NeuralGraphLayer(layers.Layer):
    def __init__(self, width, activation, **kw):
        super().__init__(**kw)
        self.width = width
        self.bank = DegreeBank(width, activation)
        if GOOD:
            self.inner_layers = self.bank.by_degree

    def build(self, shapes):
        self.bank.build(shapes[0][-1])

    def gather(self, atoms, bonds):
        degree = ops.one_hot(ops.cast(ops.sum(bonds, -1), "int32"), DEG + 1)
        return self.bank.apply(atoms + ops.matmul(bonds, atoms), degree)


class NeuralGraphHidden(NeuralGraphLayer):
    def call(self, inputs):
        return self.gather(*inputs)

    def compute_output_shape(self, shapes):
        return (*shapes[0][:-1], self.width)


class NeuralGraphOutput(NeuralGraphLayer):
    def call(self, inputs):
        exists = ops.cast(ops.sum(inputs[1], -1, keepdims=True) > 0, "float32")
        return ops.sum(self.gather(*inputs) * exists, axis=1)

    def compute_output_shape(self, shapes):
        return (shapes[0][0], self.width)


a_in, b_in = keras.Input((ATOMS, KINDS)), keras.Input((ATOMS, ATOMS))
h = NeuralGraphHidden(16, "relu")([a_in, b_in])
fp = NeuralGraphOutput(16, "softmax")([h, b_in])
out = layers.Dense(1)(fp)
model = keras.Model([a_in, b_in], out)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
atoms, bonds, value = molecules(2500)
n = 2000
model.fit([atoms[:n], bonds[:n]], value[:n], epochs=30, batch_size=32, verbose=2,
          validation_data=([atoms[n:], bonds[n:]], value[n:]))


def r2(lo, hi):
    p = model.predict([atoms[lo:hi], bonds[lo:hi]], verbose=0)[:, 0]
    return 1 - np.mean((p - value[lo:hi]) ** 2) / value[lo:hi].var()


print(f"RESULT {sys.argv[1]} train={r2(0, n):.3f} val={r2(n, 2500):.3f}")
