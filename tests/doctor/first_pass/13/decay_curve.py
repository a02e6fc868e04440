"""
SOURCE: https://discourse.julialang.org/t/unable-to-solve-a-differential-equation-using-neural-network/103723
    ("Unable to solve a differential equation using neural network"), question, answer and the asker's reply seen.
SEEN: A network is to solve dy/dt = -y, y(0) = 1. The code runs, but the loss remains at 2.0 and the output is zero.
CAUSE: Two things at once. The "derivative" in the loss is taken with respect to the network's own output instead of t
    (so it is 1 everywhere and the equation has nothing to do with the slope), and the layers, the output layer as
    well, have relu: the output cannot go to where that loss wants it (below 0), it sticks at 0 where relu has no
    gradient (the asker: "the main issue was the relu activation").
FIX: Derivative with respect to t, tanh in the hidden layers and a linear output.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(3)

act, last = ("tanh", None) if GOOD else ("relu", "relu")

nn = keras.Sequential([
    layers.Input((1,)),
    layers.Dense(16, activation=act),
    layers.Dense(16, activation=act),
    layers.Dense(1, activation=last),
])

ts = tf.reshape(tf.range(0.0, 2.01, 0.1), (-1, 1))
zero = tf.zeros((1, 1))
opt = keras.optimizers.Adam(0.01)


def loss_function(t):
    with tf.GradientTape(persistent=True) as inner:
        inner.watch(t)
        prediction = nn(t)
        total = tf.reduce_sum(prediction)
    derivative = inner.gradient(total, t if GOOD else prediction)
    initial_condition_loss = (nn(zero)[0, 0] - 1.0) ** 2
    return tf.reduce_mean((derivative + prediction) ** 2) + initial_condition_loss


for epoch in range(1000):
    with tf.GradientTape() as tape:
        loss = loss_function(ts)
    grads = tape.gradient(loss, nn.trainable_variables)
    opt.apply_gradients(zip(grads, nn.trainable_variables))
    if epoch % 100 == 0:
        print(epoch, "loss", float(loss), "y(1) =", float(nn(tf.ones((1, 1)))[0, 0]))


def rmse(t):
    y = nn.predict(np.asarray(t).reshape(-1, 1), verbose=0)[:, 0]
    return float(np.sqrt(np.mean((y - np.exp(-np.asarray(t).ravel())) ** 2)))


name = "good" if GOOD else "bad"
print("final loss", float(loss_function(ts)))
print(f"RESULT {name} train={rmse(ts.numpy()):.4f} val={rmse(np.linspace(0, 2, 333)):.4f} (rmse to the exact solution)")
