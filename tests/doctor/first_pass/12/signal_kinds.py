"""
Source: https://github.com/google/edward2/issues/474 ("No convergence using bayesian LSTMCell";
also pull request 524 by the same person)
Seen: a classifier with a bayesian LSTM cell does not converge, the same net with an ordinary LSTM does.
CAUSE: the divergence between the weights and their prior is added to the loss of every batch in
full, without being divided by the number of training examples, so it outweighs the data.
FIX: divide the divergence by the number of training examples.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

# ---- three kinds of signals -----------------------------------------------------------
def make(n, T=16):
    kind = rng.integers(0, 3, n)
    t = np.arange(T)
    f = np.choose(kind, [0.06, 0.12, 0.2])[:, None]
    ph = rng.uniform(0, 2 * np.pi, (n, 1))
    x = np.sin(2 * np.pi * f * t + ph) + rng.normal(0, 0.15, (n, T))
    return x[..., None].astype("float32"), kind


x_train, y_train = make(3000)
x_test, y_test = make(800)
N = len(x_train)


class BayesianLSTM(layers.Layer):
    """LSTM whose weights are drawn from a normal distribution with learned mean and width."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, shape):
        rows = shape[-1] + self.units
        self.mean = self.add_weight(shape=(rows, 4 * self.units), initializer="glorot_uniform", name="mean")
        self.rho = self.add_weight(shape=(rows, 4 * self.units), initializer=keras.initializers.Constant(-4.0), name="rho")
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")

    def call(self, x):
        sd = tf.math.softplus(self.rho)
        w = self.mean + sd * tf.random.normal(tf.shape(sd))
        kl = tf.reduce_sum(-tf.math.log(sd) + 0.5 * (sd ** 2 + tf.convert_to_tensor(self.mean) ** 2) - 0.5)
        self.add_loss(kl / N if GOOD else kl)
        h = c = tf.zeros((tf.shape(x)[0], self.units))
        for step in range(x.shape[1]):
            gates = tf.concat([x[:, step], h], -1) @ w + self.bias
            i, f, o, g = tf.split(gates, 4, axis=-1)
            c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
        return h


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = BayesianLSTM(24)
        self.out = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.out(self.rnn(x))


model = Net()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=30, validation_data=(x_test, y_test), verbose=2)

tr = model.evaluate(x_train, y_train, batch_size=500, verbose=0)[1]
te = model.evaluate(x_test, y_test, batch_size=400, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={te:.3f} (accuracy)")
