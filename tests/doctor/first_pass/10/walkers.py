"""Source: omoindrot/tensorflow-triplet-loss#37 ("L2 normalized layer"),
https://github.com/omoindrot/tensorflow-triplet-loss/issues/37 (the reporter found what helps himself)

Seen: the triplet loss (batch hard) comes down to about the margin and stays there, all distances are
close to 0; a smaller learning rate does not get it below the margin either.

CAUSE: the embeddings are not normalised, so the net collapses: it maps everything to one point, where
the loss is the margin.
FIX: an L2 normalisation as the last layer of the net.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
H, W, P, K, MARGIN = 40, 20, 8, 4, 0.5


class Person:
    def __init__(self):
        self.shirt, self.trousers = rng.uniform(0, 1, 3), rng.uniform(0, 1, 3)
        self.bag = rng.random() < 0.5
        self.bag_colour = rng.uniform(0, 1, 3)

    def photo(self):
        img = np.empty((H, W, 3))
        img[:] = rng.uniform(0, 1, 3)
        img[:, :rng.integers(2, W)] = rng.uniform(0, 1, 3)
        img[rng.integers(24, H):] = rng.uniform(0, 1, 3)
        dx, dy = rng.integers(-3, 4), rng.integers(-2, 3)
        c = W // 2 + dx
        img[4 + dy:9 + dy, c - 2:c + 2] = (0.8, 0.6, 0.5)
        img[9 + dy:22 + dy, c - 4:c + 4] = self.shirt
        img[22 + dy:36 + dy, c - 3:c + 3] = self.trousers
        if self.bag:
            img[12 + dy:18 + dy, c + 2:c + 6] = self.bag_colour
        img = img * rng.uniform(0.5, 1.2) + rng.normal(0, 0.05, img.shape)
        return np.clip(img, 0, 1).astype("float32")


def crowd(n, shots):
    people = [Person() for _ in range(n)]
    return np.stack([[p.photo() for _ in range(shots)] for p in people])


def pairwise_distances(e):
    dot = tf.matmul(e, e, transpose_b=True)
    sq = tf.linalg.diag_part(dot)
    d = tf.maximum(sq[:, None] - 2 * dot + sq[None, :], 0.0)
    zero = tf.cast(d == 0.0, tf.float32)
    return tf.sqrt(d + zero * 1e-16) * (1 - zero)


def batch_hard_triplet_loss(labels, e):
    d = pairwise_distances(e)
    same = tf.cast(labels[:, None] == labels[None, :], tf.float32)
    not_me = 1 - tf.eye(tf.shape(labels)[0])
    hardest_positive = tf.reduce_max(d * same * not_me, 1)
    hardest_negative = tf.reduce_min(d + tf.reduce_max(d) * same, 1)
    return tf.reduce_mean(tf.maximum(hardest_positive - hardest_negative + MARGIN, 0.0))


def build():
    inp = keras.Input((H, W, 3))
    x = inp
    for f in (16, 32, 64):
        x = layers.Conv2D(f, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64)(x)
    if GOOD:
        x = layers.UnitNormalization(axis=1)(x)
    return keras.Model(inp, x)


train, val = crowd(100, 8), crowd(40, 8)
model = build()
optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def step(images, labels):
    with tf.GradientTape() as tape:
        loss = batch_hard_triplet_loss(labels, model(images, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


labels = tf.constant(np.repeat(np.arange(P), K))
losses = []
for it in range(1, 501):
    who = rng.choice(len(train), P, replace=False)
    images = np.concatenate([train[w][rng.choice(8, K, replace=False)] for w in who])
    losses.append(float(step(tf.constant(images), labels)))
    if it % 50 == 0:
        print("iteration %d loss %.4f" % (it, np.mean(losses[-50:])), flush=True)


def fulfilled(people):
    """Share of triplets whose negative is farther away than the positive by half the margin."""
    n, s = people.shape[:2]
    e = model.predict(people.reshape(-1, H, W, 3), verbose=0)
    who = np.repeat(np.arange(n), s)
    r = np.random.default_rng(0)
    ok = []
    for _ in range(4000):
        a = r.integers(len(e))
        p = r.choice(np.where(who == who[a])[0])
        q = r.choice(np.where(who != who[a])[0])
        if p != a:
            ok.append(np.linalg.norm(e[a] - e[q]) - np.linalg.norm(e[a] - e[p]) > MARGIN / 2)
    return np.mean(ok)


print("RESULT %s train=%.3f val=%.3f (triplets with half the margin)" % ("good" if GOOD else "bad", fulfilled(train), fulfilled(val)))
