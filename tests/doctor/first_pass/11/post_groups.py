"""Where from: https://github.com/rstudio/keras3/issues/302 ("Indexing problem using
pretrained word embedding", by RikiConrey).  The example there is in R on 20 newsgroups;
here Python, made-up posts of 10 groups and made-up word vectors.

Seen: the pretrained-embedding example under-performs the same example in Python
(after ten epochs acc 0.66, val_acc 0.40, val_loss rising above 2).

CAUSE: the tokenizer's index, which counts from 1, is used as a 1-based row number of the
embedding matrix, while the embedding layer counts rows from 0, so each word gets the
vector of the word after it.
FIX: give the matrix one row more, leave its first row all zeros and put each word's vector
at the row the layer really looks up.
"""
import sys
from collections import Counter

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

GROUPS = 10
LENGTH = 80
DIM = 40

# posts: every group has 120 words of its own, 1000 words are common to all
common = ["c%d" % i for i in range(1000)]
own = [["g%d_%d" % (g, i) for i in range(120)] for g in range(GROUPS)]
centre = rng.normal(size=(GROUPS, DIM))

vectors = {w: rng.normal(size=DIM) for w in common}
for g in range(GROUPS):
    for w in own[g]:
        vectors[w] = centre[g] + 0.5 * rng.normal(size=DIM)


def post(g):
    n = rng.integers(40, 100)
    out = []
    for _ in range(n):
        u = rng.random()
        if u < 0.10:
            out.append(own[g][rng.integers(120)])
        elif u < 0.16:
            out.append(own[rng.integers(GROUPS)][rng.integers(120)])
        else:
            out.append(common[rng.integers(1000)])
    return out


labels = rng.integers(0, GROUPS, size=1500)
texts = [post(g) for g in labels]

counts = Counter(w for t in texts for w in t)
word_index = {w: i + 1 for i, (w, _) in enumerate(counts.most_common())}
num_words = len(word_index)
print("Found %d unique tokens." % num_words)

sequences = [[word_index[w] for w in t] for t in texts]
data = keras.utils.pad_sequences(sequences, maxlen=LENGTH)
y = keras.utils.to_categorical(labels, GROUPS)
x_train, y_train, x_val, y_val = data[:900], y[:900], data[900:], y[900:]


def vectors_by_row():
    matrix = np.zeros((num_words + 1, DIM))
    for word, index in word_index.items():
        vector = vectors.get(word)
        if vector is not None:
            row = index if GOOD else index - 1
            matrix[row] = vector
    return matrix


word_layer = layers.Embedding(
    num_words + 1, DIM,
    embeddings_initializer=keras.initializers.Constant(vectors_by_row()),
    trainable=False)

post_in = keras.Input(shape=(LENGTH,), dtype="int32")
x = word_layer(post_in)
x = layers.Conv1D(64, 5, activation="relu")(x)
x = layers.MaxPooling1D(5)(x)
x = layers.Conv1D(64, 5, activation="relu")(x)
x = layers.GlobalMaxPooling1D()(x)
x = layers.Dense(64, activation="relu")(x)
groups_out = layers.Dense(GROUPS, activation="softmax")(x)
model = keras.Model(post_in, groups_out)

model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])
model.fit(x_train, y_train, batch_size=32, epochs=12,
          validation_data=(x_val, y_val), verbose=2)

train = model.evaluate(x_train, y_train, verbose=0)[1]
val = model.evaluate(x_val, y_val, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
