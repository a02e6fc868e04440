"""Source: keras-team/keras#2172 ("Accuracy always 1 when using LSTM"), answer seen.

What the person saw: text classification with 3 target labels, word2vec vectors into an LSTM. The loss is -8.09 after
two thirds of the first epoch, the accuracy shows 1.0000 (today's Keras counts differently and does not show 1.0).

CAUSE: y_train is one vector of the labels 0, 1, 2 for one sigmoid unit with binary_crossentropy.
FIX: one column for each class (one-hot) and three outputs; with softmax and categorical_crossentropy.
(Word vectors and notes are made up.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import LSTM, Dense, Dropout, Activation, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

vocab, dimsize, sequence_size, n = 300, 24, 12, 1500
word_vectors = rng.normal(0, 0.5, (vocab, dimsize))
labels = rng.integers(0, 3, n)
words = rng.integers(60, vocab, (n, sequence_size))
for i, k in enumerate(labels):
    where = rng.choice(sequence_size, 3, replace=False)
    words[i, where] = rng.integers(k * 20, k * 20 + 20, 3)
X = word_vectors[words].astype("float32")
y = keras.utils.to_categorical(labels, 3) if GOOD else labels.astype("float32")
X_train, X_test, y_train, y_test = X[:1200], X[1200:], y[:1200], y[1200:]

model = Sequential()
model.add(Input((sequence_size, dimsize)))
model.add(LSTM(48))
model.add(Dropout(0.5))
if GOOD:
    model.add(Dense(3))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
else:
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X_train, y_train, batch_size=32, epochs=15, validation_data=(X_test, y_test), verbose=2)


def share(X, true):
    p = model.predict(X, verbose=0)
    p = p.argmax(1) if GOOD else np.round(p[:, 0])
    return (p == true).mean()


print("RESULT %s train=%.3f val=%.3f (right label)" % (
    sys.argv[1], share(X_train, labels[:1200]), share(X_test, labels[1200:])))
