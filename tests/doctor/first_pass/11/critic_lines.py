"""Where from: https://github.com/fchollet/deep-learning-with-python-notebooks/issues/145
("6.1-using-word-embeddings - There seems to be a bug", by AI-Guru).  Made-up reviews
and made-up word vectors in place of IMDB and GloVe.

Seen: the small net on top of frozen GloVe vectors fits the training reviews and is
little better than guessing on the validation reviews.

CAUSE: the integers of the review data set are the word index plus 3 (0, 1 and 2 are
padding, start and unknown), but the embedding matrix is filled at the plain word index,
so every word is looked up with the vector of another word.
FIX: shift the index by 3 when the embedding matrix is filled.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

max_words = 2000
maxlen = 60
embedding_dim = 50

# ------------------------------------------------------------------ the corpus
words = ["w%04d" % i for i in range(2500)]
mood = rng.choice([-1, 0, 1], size=2500, p=[.2, .6, .2])
freq = 1.0 / (np.arange(2500) + 30.0)


def write_review(label):
    p = freq * np.where(mood == label, 2.2, np.where(mood == -label, 0.8, 1.0))
    return rng.choice(2500, size=rng.integers(35, 90), p=p / p.sum())


def load_data(n):
    """same conventions as keras.datasets.imdb.load_data(num_words=max_words)"""
    x, y = [], []
    for _ in range(n):
        label = rng.integers(0, 2)
        ranks = write_review(1 if label else -1) + 1
        codes = [1] + [r + 3 if r + 3 < max_words else 2 for r in ranks]
        x.append(codes)
        y.append(label)
    return x, np.array(y)


word_index = {w: i + 1 for i, w in enumerate(words)}

x_train, y_train = load_data(1000)
x_val, y_val = load_data(1500)
x_train = keras.utils.pad_sequences(x_train, maxlen=maxlen)
x_val = keras.utils.pad_sequences(x_val, maxlen=maxlen)
print("Shape of data tensor:", x_train.shape)

# ------------------------------------------------------------------ word vectors
direction = rng.normal(size=embedding_dim)
direction /= np.linalg.norm(direction)
embeddings_index = {}
for w, m in zip(words, mood):
    embeddings_index[w] = 0.3 * rng.normal(size=embedding_dim) + 1.5 * m * direction
print("Found %s word vectors." % len(embeddings_index))

offset = 3 if GOOD else 0
embedding_matrix = np.zeros((max_words, embedding_dim))
for word, i in word_index.items():
    if i + offset < max_words:
        vector = embeddings_index.get(word)
        if vector is not None:
            embedding_matrix[i + offset] = vector

# ------------------------------------------------------------------ the model
model = keras.Sequential()
model.add(keras.Input((maxlen,)))
model.add(layers.Embedding(max_words, embedding_dim, name="glove"))
model.add(layers.Flatten())
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(1, activation="sigmoid"))
model.get_layer("glove").set_weights([embedding_matrix])
model.get_layer("glove").trainable = False
model.summary()

model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["acc"])
model.fit(x_train, y_train, epochs=12, batch_size=32,
          validation_data=(x_val, y_val), verbose=2)

train = model.evaluate(x_train, y_train, verbose=0)[1]
val = model.evaluate(x_val, y_val, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
