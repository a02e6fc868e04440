"""SOURCE: https://github.com/karpathy/ng-video-lecture/issues/42 ("Strange model behavior when taking the softmax in the
wrong dimension"; read whole as an excerpt)
SEEN: A small character transformer reaches incredibly low losses on the training and the validation text, but what it
generates is of very low quality.
CAUSE: The attention weights are normalised over the query axis (-2) instead of the key axis (-1). The divisor of each
column then contains the scores of later positions, so the causal mask leaks the characters that are to be predicted;
in generation there is no later character.
FIX: softmax over the last axis.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(1337)
rng = np.random.default_rng(1337)

batch_size, block_size, max_iters, eval_interval, learning_rate = 32, 24, 500, 250, 4e-3
n_embd, n_head, n_layer = 32, 2, 2

syllables = ["ka", "lo", "min", "ter", "sa", "vel", "ru", "dan", "ti", "os", "fer", "nu", "bal", "ge", "ith", "mo"]
words = sorted({"".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(45)})
nxt = {w: rng.choice(words, 6, replace=False) for w in words}
text, w = [], words[0]
for i in range(9000):
    text.append(w)
    w = str(rng.choice(nxt[w])) if rng.uniform() < 0.85 else str(rng.choice(words))
text = " ".join(text)

chars = sorted(set(text))
vocab_size = len(chars)
stoi = {c: i for i, c in enumerate(chars)}
data = np.array([stoi[c] for c in text], "int32")
n = int(0.9 * len(data))
train_data, val_data = data[:n], data[n:]


def get_batch(d):
    ix = rng.integers(0, len(d) - block_size - 1, batch_size)
    x = np.stack([d[i:i + block_size] for i in ix])
    y = np.stack([d[i + 1:i + block_size + 1] for i in ix])
    return tf.constant(x), tf.constant(y)


class MultiHeadAttention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.key, self.query, self.value = (layers.Dense(n_embd, use_bias=False) for _ in range(3))
        self.proj = layers.Dense(n_embd)
        self.tril = tf.linalg.band_part(tf.ones((block_size, block_size)), -1, 0)

    def split(self, a):
        return tf.transpose(tf.reshape(a, (-1, block_size, n_head, n_embd // n_head)), (0, 2, 1, 3))

    def call(self, x):
        k, q, v = self.split(self.key(x)), self.split(self.query(x)), self.split(self.value(x))
        wei = tf.matmul(q, k, transpose_b=True) * (n_embd // n_head) ** -0.5
        wei = tf.where(self.tril == 0, tf.constant(-1e9), wei)
        wei = tf.nn.softmax(wei, axis=-1 if GOOD else -2)
        out = tf.transpose(tf.matmul(wei, v), (0, 2, 1, 3))
        return self.proj(tf.reshape(out, (-1, block_size, n_embd)))


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.sa = MultiHeadAttention()
        self.ffwd = keras.Sequential([layers.Dense(4 * n_embd, activation="relu"), layers.Dense(n_embd)])
        self.ln1, self.ln2 = layers.LayerNormalization(), layers.LayerNormalization()

    def call(self, x):
        x = x + self.sa(self.ln1(x))
        return x + self.ffwd(self.ln2(x))


class GPTLanguageModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.token_embedding_table = layers.Embedding(vocab_size, n_embd)
        self.position_embedding_table = layers.Embedding(block_size, n_embd)
        self.blocks = [Block() for _ in range(n_layer)]
        self.ln_f = layers.LayerNormalization()
        self.lm_head = layers.Dense(vocab_size)

    def call(self, idx):
        x = self.token_embedding_table(idx) + self.position_embedding_table(tf.range(block_size))
        for block in self.blocks:
            x = block(x)
        return self.lm_head(self.ln_f(x))


model = GPTLanguageModel()
optimizer = keras.optimizers.AdamW(learning_rate)
model(get_batch(train_data)[0])


def loss_of(x, y):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=model(x)))


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(x, y)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


eval_loss = tf.function(loss_of)
last_logits = tf.function(lambda x: model(x)[:, -1, :])


def estimate_loss():
    return [np.mean([float(eval_loss(*get_batch(d))) for _ in range(12)]) for d in (train_data, val_data)]


for it in range(max_iters + 1):
    if it % eval_interval == 0:
        tr, va = estimate_loss()
        print(f"step {it}: train loss {tr:.4f}, val loss {va:.4f}")
    train_step(*get_batch(train_data))

idx = get_batch(val_data)[0].numpy()
for _ in range(50):
    logits = last_logits(tf.constant(idx[:, -block_size:])).numpy()
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    new = [rng.choice(vocab_size, p=row / row.sum()) for row in p.astype("float64")]
    idx = np.concatenate([idx, np.array(new, "int32")[:, None]], 1)
made = ["".join(chars[i] for i in row[block_size:]) for row in idx]
print(made[0])
whole = [w for line in made for w in line.split(" ")[1:-1]]
known = np.mean([w in set(words) for w in whole])
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={va:.3f} generated_real_words={known:.3f} (loss; share)")
