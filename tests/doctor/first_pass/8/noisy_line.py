"""Source: matroid/dlwithtf#11 ("fix bug in ch4/fcnet_regression_tf.py: (y - y_pred)**2 should be a vector"), merged pull
request seen.

What the person saw: the regression with a fully connected net does not come near the points, although the loss is minimised
for many steps.

CAUSE: y has the shape (batch,) and y_pred (batch, 1), so (y - y_pred)**2 is a (batch, batch) matrix, whose best answer is the
mean of y for every x.
FIX: squeeze y_pred to a vector before the subtraction.
(Written with Keras layers and a loop of its own in place of the low level graph code of the book.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(456)
rng = np.random.default_rng(456)

N, d, n_hidden = 400, 1, 15
w_true, b_true = 5.0, 2.0
x_np = rng.uniform(0, 1, size=(N, d)).astype("float32")
y_np = (w_true * x_np[:, 0] + b_true + rng.normal(scale=0.1, size=N)).astype("float32")
x_valid = rng.uniform(0, 1, size=(100, d)).astype("float32")
y_valid = (w_true * x_valid[:, 0] + b_true + rng.normal(scale=0.1, size=100)).astype("float32")

hidden = keras.layers.Dense(n_hidden, activation="relu")
output = keras.layers.Dense(1)
inputs = keras.Input((d,))
net = keras.Model(inputs, output(hidden(inputs)))
optimizer = keras.optimizers.Adam(0.01)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        y_pred = net(x, training=True)
        if GOOD:
            y_pred = tf.squeeze(y_pred, axis=1)
        l = tf.reduce_sum((y - y_pred) ** 2)
    grads = tape.gradient(l, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    return l


batch_size = 40
for epoch in range(120):
    order = rng.permutation(N)
    total = 0.0
    for pos in range(0, N, batch_size):
        pick = order[pos:pos + batch_size]
        total += float(train_step(x_np[pick], y_np[pick]))
    if epoch % 20 == 19:
        print("epoch %d, loss: %f" % (epoch + 1, total))


def r_squared(x, y):
    p = net.predict(x, verbose=0)[:, 0]
    return 1 - np.mean((y - p) ** 2) / np.var(y)


print(f"RESULT {sys.argv[1]} train={r_squared(x_np, y_np):.3f} val={r_squared(x_valid, y_valid):.3f} (R2)")
