"""
SOURCE: https://github.com/keras-team/keras/issues/4994 ("acc never change after every batch of learning (20 newsgroup
dataset)")

SEEN: the pretrained word embedding example on 20 newsgroups with the convolutions replaced by an LSTM. The loss stands at
0.1985 and the (binary) accuracy at 0.95 in every batch; of the 20 groups nothing is learned.

CAUSE: between LSTM and output there is a Dense(1) with sigmoid, a single number for 20 groups, and the loss is
binary_crossentropy although it is one of 20 classes.
FIX: Dense(50) instead of Dense(1), and categorical_crossentropy.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Embedding, LSTM, Dense, Activation
from keras.utils import to_categorical

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(20)
rng = np.random.default_rng(20)

GROUPS, VOCAB, MAXLEN, DIM = 20, 800, 30, 32
topic_words = rng.permutation(np.arange(1, VOCAB))[:GROUPS * 15].reshape(GROUPS, 15)
# word vectors: words of one topic lie near each other
vectors = rng.normal(0, 1, (VOCAB, DIM))
for g in range(GROUPS):
    vectors[topic_words[g]] = rng.normal(0, 1, DIM) + rng.normal(0, .3, (15, DIM))


def posts(n):
    y = rng.integers(0, GROUPS, n)
    x = rng.integers(1, VOCAB, (n, MAXLEN))
    own = rng.random((n, MAXLEN)) < 0.35
    for i in range(n):
        x[i, own[i]] = rng.choice(topic_words[y[i]], own[i].sum())
    return x, to_categorical(y, GROUPS)


x_train, y_train = posts(1600)
x_val, y_val = posts(400)

model = Sequential()
model.add(Input((MAXLEN,)))
model.add(Embedding(VOCAB, DIM, embeddings_initializer=keras.initializers.Constant(vectors), trainable=False))
model.add(LSTM(32, dropout=0.1))
model.add(Dense(50 if GOOD else 1))
model.add(Activation("sigmoid"))
model.add(Dense(GROUPS, activation="softmax"))
model.compile(loss="categorical_crossentropy" if GOOD else "binary_crossentropy",
              optimizer=keras.optimizers.Adam(5e-3), metrics=["accuracy", "binary_accuracy"])
h = model.fit(x_train, y_train, batch_size=64, epochs=14, validation_data=(x_val, y_val), verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
