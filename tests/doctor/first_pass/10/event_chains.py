"""
SOURCE: https://github.com/tensorflow/tensorflow/issues/30199 ("Gradient returns Nan values when using
triplet loss with similar batches"), description by the reporter, with his own workaround, seen. The
event sequences are made up here.
SEEN: learning representations of sequences with a triplet loss, the whole gradient becomes nan.
CAUSE: with a small set of events and short sequences the positive is sometimes the very same sequence
as the anchor; their distance is 0, where the square root has an infinite derivative.
FIX: condition the samples: draw only positives that differ from their anchor.
"""
import sys
import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

EVENTS, HORIZON, CLASSES = 5, 6, 6
patterns = []
while len(patterns) < CLASSES:
    trial = rng.integers(0, EVENTS, HORIZON)
    if all((trial != other).sum() >= 5 for other in patterns):
        patterns.append(trial)
patterns = np.stack(patterns)


def sequences(n):
    c = rng.integers(0, CLASSES, n)
    s = patterns[c].copy()
    for i in range(n):
        for _ in range(rng.integers(0, 3)):
            s[i, rng.integers(HORIZON)] = rng.integers(EVENTS)
    return s.astype("int32"), c


train_s, train_c = sequences(1500)
test_s, test_c = sequences(400)
by_class = [np.where(train_c == k)[0] for k in range(CLASSES)]


def triplets(n):
    a = rng.integers(0, len(train_s), n)
    p, q = a.copy(), a.copy()
    for i in range(n):
        while True:
            p[i] = rng.choice(by_class[train_c[a[i]]])
            if not GOOD or (train_s[p[i]] != train_s[a[i]]).any():
                break
        while train_c[q[i]] == train_c[a[i]]:
            q[i] = rng.integers(len(train_s))
    return train_s[a], train_s[p], train_s[q]


class Encoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.table = keras.layers.Embedding(EVENTS, 8)
        self.rnn = keras.layers.GRU(32)
        self.out = keras.layers.Dense(8)

    def call(self, s):
        return self.out(self.rnn(self.table(s)))


encoder = Encoder()
optimizer = keras.optimizers.Adam(0.003)


def distance(u, v):
    return tf.sqrt(tf.reduce_sum(tf.square(u - v), axis=-1))


@tf.function
def train_step(a, p, q):
    with tf.GradientTape() as tape:
        za, zp, zq = encoder(a), encoder(p), encoder(q)
        loss = tf.reduce_mean(tf.maximum(distance(za, zp) - distance(za, zq) + 1.0, 0.0))
    grads = tape.gradient(loss, encoder.trainable_variables)
    optimizer.apply_gradients(zip(grads, encoder.trainable_variables))
    return loss


for epoch in range(8):
    losses = [float(train_step(*map(tf.constant, triplets(64)))) for _ in range(40)]
    print("epoch", epoch + 1, "loss", np.mean(losses))


def ordered(s, c):
    z = encoder.predict(s, verbose=0)
    good = total = 0
    for _ in range(3000):
        i, j, k = rng.integers(0, len(s), 3)
        if i != j and c[i] == c[j] and c[i] != c[k]:
            total += 1
            good += np.linalg.norm(z[i] - z[j]) < np.linalg.norm(z[i] - z[k])
    return good / total


print(f"RESULT {sys.argv[1]} train={ordered(train_s, train_c):.3f} val={ordered(test_s, test_c):.3f}")
