"""SOURCE: https://github.com/pytorch/pytorch/issues/2674 ("Sentiment analysis with LSTM in IMDB dataset"; the comments
with the cause, confirmed by soumith, read; the description not. The network is the one of the thread, GRU there too.)
SEEN: A recurrent network on film reviews (embedding, one GRU layer, last output, two classes) trains without an error
but stays close to 50 % accuracy, while the same network in other frameworks learns.
CAUSE: The first two axes of the GRU's input are exchanged: the layer reads (batch, time, features), it is given (time,
batch, features) (in PyTorch the other way round). It runs across the reviews of a batch at each word position, and the
classifier sees of each review hardly more than its last word.
FIX: Feed the layer in its own order (batch_first=True in PyTorch; here: no exchange of axes).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)

MAXFEATURES, MAXLEN, EMBEDSIZE, NUMHIDDEN, BATCHSIZE, EPOCHS = 800, 32, 32, 32, 64, 4
kind, mood = rng.permutation(np.arange(10, 800))[:200].reshape(2, 100)


def reviews(n):
    x = np.zeros((n, MAXLEN), "int32")
    y = rng.integers(0, 2, n)
    for i in range(n):
        length = rng.integers(14, MAXLEN + 1)
        words = 10 + np.minimum(rng.zipf(1.25, length), 789)
        for j in range(length):
            if rng.uniform() < 0.26:
                right = rng.uniform() < 0.8
                words[j] = rng.choice(kind if (y[i] == 1) == right else mood)
        x[i, MAXLEN - length:] = words
    return x, y


x_train, y_train = reviews(2560)
x_test, y_test = reviews(1024)


def yield_mb(X, y, batchsize, shuffle=False):
    if shuffle:
        order = rng.permutation(len(X))
        X, y = X[order], y[order]
    for i in range(len(X) // batchsize):
        yield X[i * batchsize:(i + 1) * batchsize], y[i * batchsize:(i + 1) * batchsize]


class SymbolModule(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(MAXFEATURES, EMBEDSIZE)
        self.gru = layers.GRU(NUMHIDDEN, return_sequences=True)
        self.l_out = layers.Dense(2)

    def call(self, x):
        x = self.embedding(x)
        if GOOD:
            x = self.gru(x)
        else:
            x = tf.transpose(x, (1, 0, 2))
            x = self.gru(x)
            x = tf.transpose(x, (1, 0, 2))
        x = x[:, -1, :]
        return self.l_out(x)


sym = SymbolModule()
sym.compile(optimizer=keras.optimizers.Adam(0.003, beta_1=0.9, beta_2=0.999),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

for j in range(EPOCHS):
    losses = []
    for data, target in yield_mb(x_train, y_train, BATCHSIZE, shuffle=True):
        losses.append(float(sym.train_on_batch(data, target)))
    print(j, np.mean(losses))


def accuracy(X, y):
    hits, n = 0, 0
    for data, target in yield_mb(X, y, BATCHSIZE):
        hits += np.sum(sym.predict_on_batch(data).argmax(1) == target)
        n += len(target)
    return hits / n


print(f"RESULT {'good' if GOOD else 'bad'} train={accuracy(x_train, y_train):.3f} "
      f"val={accuracy(x_test, y_test):.3f} (accuracy)")
