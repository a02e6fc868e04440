"""
Source: ageron/handson-ml#164 ("CapsNet: bad initialization"), https://github.com/ageron/handson-ml/issues/164
(reporter narodiss, agreed by the author of the notebook; low-level TensorFlow there, a Keras layer here).
Seen: following the notebook, the loss of the capsule net does not change visibly for a long time from the start.
CAUSE: the transformation matrices between primary and digit capsules start far too small (standard deviation 0.01).
FIX: standard deviation 0.1.
"""
import sys
import numpy as np
import keras
from keras import layers, ops
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)

INIT_SIGMA = 0.1 if GOOD else 0.01
M_PLUS, M_MINUS, LAMBDA = 0.9, 0.1, 0.5


def squash(s):
    squared = ops.sum(ops.square(s), axis=-1, keepdims=True)
    return squared / (1.0 + squared) * s / ops.sqrt(squared + 1e-7)


class DigitCaps(layers.Layer):
    def __init__(self, n_caps, n_dims, rounds=2, **kw):
        super().__init__(**kw)
        self.n_caps, self.n_dims, self.rounds = n_caps, n_dims, rounds

    def build(self, shape):
        self.W = self.add_weight(shape=(shape[1], self.n_caps, shape[2], self.n_dims),
                                 initializer=keras.initializers.RandomNormal(stddev=INIT_SIGMA), name="W")

    def call(self, u):
        predicted = ops.einsum("bid,ijdk->bijk", u, self.W)
        raw = ops.zeros_like(predicted[..., 0])
        for r in range(self.rounds):
            routing = ops.softmax(raw, axis=2)
            out = squash(ops.einsum("bij,bijk->bjk", routing, predicted))
            if r + 1 < self.rounds:
                raw = raw + ops.einsum("bijk,bjk->bij", predicted, out)
        return out


def margin_loss(y_true, lengths):
    present = ops.square(ops.maximum(0.0, M_PLUS - lengths))
    absent = ops.square(ops.maximum(0.0, lengths - M_MINUS))
    return ops.sum(y_true * present + LAMBDA * (1 - y_true) * absent, axis=-1)


digits = load_digits()
X = np.kron(digits.images, np.ones((1, 2, 2))).astype("float32")[..., None] / 16.0
order = np.random.permutation(len(X))
X, y = X[order], digits.target[order]
Y = keras.utils.to_categorical(y, 10)
X_train, Y_train, X_val, Y_val = X[:1400], Y[:1400], X[1400:], Y[1400:]

inputs = keras.Input((16, 16, 1))
x = layers.Conv2D(32, 5, activation="relu")(inputs)
x = layers.Conv2D(32, 5, strides=2, activation="relu")(x)
x = layers.Reshape((-1, 8))(x)
x = layers.Lambda(squash)(x)
caps = DigitCaps(10, 12)(x)
lengths = layers.Lambda(lambda c: ops.sqrt(ops.sum(ops.square(c), axis=-1) + 1e-7))(caps)
model = keras.Model(inputs, lengths)
model.compile(optimizer=keras.optimizers.Adam(), loss=margin_loss, metrics=["categorical_accuracy"])
model.fit(X_train, Y_train, batch_size=50, epochs=2, validation_data=(X_val, Y_val), verbose=2)

print("RESULT %s train=%.3f val=%.3f (accuracy after two epochs)" % (
    sys.argv[1], model.evaluate(X_train, Y_train, verbose=0)[1], model.evaluate(X_val, Y_val, verbose=0)[1]))
