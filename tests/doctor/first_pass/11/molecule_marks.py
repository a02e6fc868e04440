"""Where from: https://github.com/wsjeon92/FP2VEC/issues/2 ("Tensorflow 2.0 version issue", by
arwhirang; the owner found it).  The program there is low-level TensorFlow on Tox21; here
Keras layers and an own loop, one task and made-up fingerprints (sets of bit numbers).

Seen: after a change of the code to TensorFlow 2 the printed loss becomes nan and the model
learns nothing (with today's TensorFlow the loss stays at that of a constant answer instead
of nan).

CAUSE: the second argument of tf.nn.dropout was the share to KEEP in TensorFlow 1 and is the
share to DROP in TensorFlow 2, so with keep = 1.0, which is used for every evaluation,
everything is dropped.
FIX: hand over 1 - keep as the rate.
"""
import sys
import numpy as np
import tensorflow as tf
import keras

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

BATCH = 32
LENGTH = 60
DIM = 32
FILTERS = 128
WINDOW = 5
BITS = 256
RATE = 1e-3

# ---------------------------------------------------------------- data
alert = rng.choice(np.arange(1, BITS + 1), 12, replace=False)


def molecules(n):
    x = np.zeros((n, LENGTH), np.int32)
    y = (rng.random((n, 1)) < 0.35).astype(np.float32)
    rest = np.setdiff1d(np.arange(1, BITS + 1), alert)
    for i in range(n):
        bits = rng.choice(rest, rng.integers(20, LENGTH - 8), replace=False)
        k = rng.integers(2, 5) if y[i, 0] else rng.integers(0, 2)
        bits = np.sort(np.concatenate([bits, rng.choice(alert, k, replace=False)]))
        x[i, :len(bits)] = bits
    return x, y


train_x, train_y = molecules(1600)
valid_x, valid_y = molecules(400)
print(train_x.shape, valid_x.shape)


# ---------------------------------------------------------------- model
class FingerprintNet(keras.Model):
    def __init__(self):
        super().__init__()
        self.emb = keras.layers.Embedding(BITS + 1, DIM)
        self.conv = keras.layers.Conv1D(FILTERS, WINDOW, activation="relu")
        self.pool = keras.layers.GlobalMaxPooling1D()
        self.out = keras.layers.Dense(1)

    def call(self, X, keep):
        h = self.pool(self.conv(self.emb(X)))
        if GOOD:
            h = tf.nn.dropout(h, 1.0 - keep)
        else:
            h = tf.nn.dropout(h, keep)
        return self.out(h)


model = FingerprintNet()
model(train_x[:2], tf.constant(0.5))
optimizer = keras.optimizers.Adam(RATE)


def log_loss(y, logit):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logit))


@tf.function
def one_step(x, y, keep):
    with tf.GradientTape() as tape:
        loss = log_loss(y, model(x, keep))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


@tf.function
def predict(x, keep):
    return model(x, keep)


def evaluate(x, y):
    logit = predict(tf.constant(x), tf.constant(1.0))
    loss = float(log_loss(tf.constant(y), logit))
    p = logit.numpy()
    # balanced accuracy; a nan counts as wrong
    hit = np.where(np.isnan(p), False, (p > 0) == (y > 0.5))
    return loss, 0.5 * (hit[y > 0.5].mean() + hit[y < 0.5].mean())


for epoch in range(20):
    order = rng.permutation(len(train_x))
    for s in range(0, len(order), BATCH):
        b = order[s:s + BATCH]
        one_step(tf.constant(train_x[b]), tf.constant(train_y[b]), tf.constant(0.5))
    vloss, acc = evaluate(valid_x, valid_y)
    print(epoch, "valid loss %.4f  balanced accuracy %.3f" % (vloss, acc))

print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad",
                                         evaluate(train_x, train_y)[1],
                                         evaluate(valid_x, valid_y)[1]))
