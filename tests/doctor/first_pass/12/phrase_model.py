"""
Source: https://github.com/rajveermalviya/language-modeling/issues/3 ("Adam's learning rate")
Seen: the training loss of the word language model does not really go down, even after many epochs.
CAUSE: the config file sets a learning rate of 1.0, which is far too high for Adam.
FIX: Adam with its default learning rate (0.001).
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)

config = {
    "vocab_size": 200,
    "embedding_dim": 48,
    "hidden": 64,
    "num_steps": 20,
    "batch_size": 32,
    "epochs": 9,
    "learning_rate": 0.001 if GOOD else 1.0,
}


def make_corpus(n, vocab, rng):
    follow = rng.integers(2, vocab, size=(vocab, 4))
    p = np.array([0.7, 0.15, 0.1, 0.05])
    words = [2]
    picks = rng.choice(4, size=n, p=p)
    for k in picks:
        words.append(int(follow[words[-1], k]))
    return np.array(words, dtype="int32")


rng = np.random.default_rng(5)
corpus = make_corpus(70000, config["vocab_size"], rng)
cut = 60000
train_ids, valid_ids = corpus[:cut], corpus[cut:]


def to_dataset(ids, shuffle):
    T = config["num_steps"]
    n = (len(ids) - 1) // T
    x = ids[:n * T].reshape(n, T)
    y = ids[1:n * T + 1].reshape(n, T)
    ds = tf.data.Dataset.from_tensor_slices((x, y))
    if shuffle:
        ds = ds.shuffle(n, seed=1)
    return ds.batch(config["batch_size"], drop_remainder=True)


train_ds, valid_ds = to_dataset(train_ids, True), to_dataset(valid_ids, False)


class LanguageModel(keras.Model):
    def __init__(self, cfg):
        super().__init__()
        self.embedding = layers.Embedding(cfg["vocab_size"], cfg["embedding_dim"])
        self.rnn1 = layers.LSTM(cfg["hidden"], return_sequences=True)
        self.rnn2 = layers.LSTM(cfg["hidden"], return_sequences=True)
        self.dropout = layers.Dropout(0.1)
        self.dense = layers.Dense(cfg["vocab_size"])

    def call(self, x, training=False):
        return self.dense(self.dropout(self.rnn2(self.rnn1(self.embedding(x))), training=training))


model = LanguageModel(config)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=config["learning_rate"]),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train_ds, epochs=config["epochs"], validation_data=valid_ds, verbose=2)

tr = model.evaluate(train_ds, verbose=0)
va = model.evaluate(valid_ds, verbose=0)
print(f"accuracy of the next word (at best about 0.7): {tr[1]:.3f} {va[1]:.3f}; loss of a guess {np.log(config['vocab_size']):.2f}")
print(f"RESULT {sys.argv[1]} train={tr[0]:.3f} val={va[0]:.3f} (loss per word)")
