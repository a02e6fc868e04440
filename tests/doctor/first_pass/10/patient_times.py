"""
SOURCE: https://github.com/liupei101/TFDeepSurv/issues/15 ("loss diverges to NaN"; the same in
havakv/pycox#124), both threads seen; the reporters name the cause, the owner the remedy. The patients
are made up here and the net is written with Keras.
SEEN: training a survival net in batches, the loss becomes nan.
CAUSE: the loss of a batch is divided by the number of events observed in it, and in some batches all
patients are censored, so it is 0 / 0.
FIX: skip a batch in which no event was observed.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

N, F = 2400, 8
X = rng.normal(size=(N, F)).astype("float32")
risk = 1.2 * X[:, 0] - 0.9 * X[:, 1] + 0.8 * X[:, 2] * X[:, 3]
death = rng.exponential(1.0, N) * np.exp(-risk)
leave = rng.exponential(0.12, N)
T = np.minimum(death, leave).astype("float32")
E = (death <= leave).astype("float32")
print("share of events", E.mean())
tr, te = np.arange(0, 1800), np.arange(1800, N)

net = keras.Sequential([
    keras.Input((F,)),
    layers.Dense(32, activation="tanh"),
    layers.Dense(16, activation="tanh"),
    layers.Dense(1),
])
optimizer = keras.optimizers.Adam(0.003)


@tf.function(reduce_retracing=True)
def train_step(x, t, e):
    with tf.GradientTape() as tape:
        theta = net(x, training=True)[:, 0]
        at_risk = tf.cast(t[None, :] >= t[:, None], tf.float32)
        log_sum = tf.math.log(tf.reduce_sum(at_risk * tf.exp(theta)[None, :], axis=1))
        loss = -tf.reduce_sum((theta - log_sum) * e) / tf.reduce_sum(e)
    grads = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(grads, net.trainable_variables))
    return loss


batch = 16
for epoch in range(25):
    order = rng.permutation(tr)
    losses = []
    for k in range(0, len(order), batch):
        b = order[k:k + batch]
        if GOOD and E[b].sum() == 0:
            continue
        losses.append(float(train_step(tf.constant(X[b]), tf.constant(T[b]), tf.constant(E[b]))))
    print("epoch", epoch + 1, "loss", np.mean(losses))


def concordance(idx):
    s = net.predict(X[idx], verbose=0)[:, 0]
    first = (T[idx][:, None] < T[idx][None, :]) & (E[idx][:, None] == 1)
    return ((s[:, None] > s[None, :]) & first).sum() / first.sum()


print(f"RESULT {sys.argv[1]} train={concordance(tr):.3f} val={concordance(te):.3f}")
