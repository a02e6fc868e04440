"""
Source: https://github.com/udacity/deep-learning/pull/152 ("tflearn intro - Fix trainY and testY";
the same in #155, "At the moment the accuracy comes to 50%")
Seen: the sentiment network of the notebook (bag of words, 2 classes, SGD; TFLearn there, its
to_categorical and its loss are written out here) stays at an accuracy of 50 %.
CAUSE: the labels keep a second axis of length 1 (shape (n, 1)) when they go into to_categorical,
and its indexing then broadcasts and writes a 1 into both columns of every row.
FIX: take the column of the labels (Y.values[rows, 0]), so that they have the shape (n,).
"""
import sys
import numpy as np
import keras
from keras import ops
from keras.layers import Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(42)
rng = np.random.default_rng(42)


def to_categorical(y, nb_classes):
    """Class vector -> binary class matrix."""
    y = np.asarray(y, dtype="int32")
    Y = np.zeros((len(y), nb_classes))
    Y[np.arange(len(y)), y] = 1.0
    return Y


def categorical_crossentropy(y_true, y_pred):
    y_pred = y_pred / ops.sum(y_pred, axis=-1, keepdims=True)
    y_pred = ops.clip(y_pred, 1e-10, 1 - 1e-7)
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


# ---- reviews as counts of words ------------------------------------------------
n_reviews, vocab_size = 4000, 500
Y = rng.integers(0, 2, size=(n_reviews, 1))
freq = 1.0 / (np.arange(vocab_size) + 5.0)
tone = rng.normal(0, 0.5, vocab_size)
word_vectors = np.zeros((n_reviews, vocab_size), dtype="int32")
for i in range(n_reviews):
    p = freq * np.exp(tone if Y[i, 0] else -tone)
    word_vectors[i] = rng.multinomial(60, p / p.sum())

shuffle = np.arange(n_reviews)
rng.shuffle(shuffle)
test_fraction = 0.9
train_split = shuffle[:int(n_reviews * test_fraction)]
test_split = shuffle[int(n_reviews * test_fraction):]

if GOOD:
    trainX, trainY = word_vectors[train_split, :], to_categorical(Y[train_split, 0], 2)
    testX, testY = word_vectors[test_split, :], to_categorical(Y[test_split, 0], 2)
else:
    trainX, trainY = word_vectors[train_split, :], to_categorical(Y[train_split], 2)
    testX, testY = word_vectors[test_split, :], to_categorical(Y[test_split], 2)

model = keras.Sequential([
    keras.Input((vocab_size,)),
    Dense(200, activation="relu"),
    Dense(25, activation="relu"),
    Dense(2, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss=categorical_crossentropy, metrics=["accuracy"])
model.fit(trainX.astype("float32"), trainY, validation_split=0.1, batch_size=128, epochs=40, verbose=2)


def accuracy(rows):
    p = model.predict(word_vectors[rows].astype("float32"), verbose=0)
    return np.mean((p[:, 0] < p[:, 1]).astype(int) == Y[rows, 0])


print(f"RESULT {sys.argv[1]} train={accuracy(train_split):.3f} val={accuracy(test_split):.3f} (accuracy against the votes)")
