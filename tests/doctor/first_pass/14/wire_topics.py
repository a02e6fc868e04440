"""SOURCE: https://github.com/ilivans/tf-rnn-attention/issues/10 ("Getting negative loss for keras "reuters" dataset"; read whole)
SEEN: A bidirectional recurrent network with attention, made for film reviews, is run on the Reuters newswires with many
topics. "I am getting highly negative loss on each iteration"; the accuracy is low.
CAUSE: Output and loss are those of a binary task (one logit, sigmoid cross entropy), the labels are topic numbers 0, 1, 2,
...; for labels above 1 the loss has no lower bound and falls as the logit grows, whatever the text.
FIX: One output per topic with softmax cross entropy.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

NUM_WORDS, SEQUENCE_LENGTH, EMBEDDING_DIM, HIDDEN_SIZE, ATTENTION_SIZE = 900, 24, 40, 24, 20
KEEP_PROB, BATCH_SIZE, NUM_EPOCHS, TOPICS = 0.8, 64, 6, 10
share = np.array([0.3, 0.22, 0.12, 0.09, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02])
special = rng.permutation(np.arange(20, NUM_WORDS))[:TOPICS * 30].reshape(TOPICS, 30)


def newswires(n):
    y = rng.choice(TOPICS, n, p=share)
    x = np.minimum(rng.zipf(1.2, (n, SEQUENCE_LENGTH)), NUM_WORDS - 2) + 1
    for i in range(n):
        mine = rng.uniform(size=SEQUENCE_LENGTH) < 0.15
        x[i, mine] = rng.choice(special[y[i]], mine.sum())
        x[i, rng.integers(12, SEQUENCE_LENGTH + 1):] = 0
    return x.astype("int32"), y.astype("int32")


X_train, y_train = newswires(2304)
X_test, y_test = newswires(640)


class Attention(layers.Layer):
    def __init__(self, attention_size):
        super().__init__()
        self.v = layers.Dense(attention_size, activation="tanh")
        self.u = layers.Dense(1, use_bias=False)

    def call(self, inputs):
        alphas = tf.nn.softmax(self.u(self.v(inputs)), axis=1)
        return tf.reduce_sum(inputs * alphas, 1)


batch_ph = keras.Input((SEQUENCE_LENGTH,), dtype="int32")
h = layers.Embedding(NUM_WORDS, EMBEDDING_DIM)(batch_ph)
h = layers.Bidirectional(layers.GRU(HIDDEN_SIZE, return_sequences=True))(h)
h = Attention(ATTENTION_SIZE)(h)
h = layers.Dropout(1 - KEEP_PROB)(h)
y_hat = layers.Dense(TOPICS if GOOD else 1)(h)
model = keras.Model(batch_ph, y_hat)
optimizer = keras.optimizers.Adam(learning_rate=3e-3)


def loss_and_accuracy(logits, target):
    if GOOD:
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=target))
        hit = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), target)
    else:
        logits = tf.squeeze(logits, 1)
        target = tf.cast(target, tf.float32)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=target))
        hit = tf.equal(tf.round(tf.sigmoid(logits)), target)
    return loss, tf.reduce_mean(tf.cast(hit, tf.float32))


@tf.function
def train_batch(x, y):
    with tf.GradientTape() as tape:
        loss, acc = loss_and_accuracy(model(x, training=True), y)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss, acc


@tf.function
def test_batch(x, y):
    return loss_and_accuracy(model(x, training=False), y)


def batches(X, y, shuffle):
    order = rng.permutation(len(X)) if shuffle else np.arange(len(X))
    for i in range(0, len(X), BATCH_SIZE):
        k = order[i:i + BATCH_SIZE]
        yield tf.constant(X[k]), tf.constant(y[k])


def test(X, y):
    return np.mean([[float(v) for v in test_batch(a, b)] for a, b in batches(X, y, False)], axis=0)


for epoch in range(NUM_EPOCHS):
    seen = np.mean([[float(v) for v in train_batch(a, b)] for a, b in batches(X_train, y_train, True)], axis=0)
    te = test(X_test, y_test)
    print(f"epoch: {epoch} loss: {seen[0]:.3f}, val_loss: {te[0]:.3f}, acc: {seen[1]:.3f}, val_acc: {te[1]:.3f}")

print(f"RESULT {'good' if GOOD else 'bad'} train={test(X_train, y_train)[1]:.3f} val={test(X_test, y_test)[1]:.3f} (accuracy)")
