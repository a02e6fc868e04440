"""Where from: https://github.com/alexander-rakhlin/CNN-for-Sentence-Classification-in-Keras/issues/39
("The model always predicts the same label", by flaviomerenda; the owner confirms).  The
sentences are made up here (numbers for words).

Seen: training works fine on a data set of one's own (absent / present), but the labels
printed for the test sentences are 0 (absent) for every one.

CAUSE: the net has a single sigmoid output, and the label is taken with argmax over that
last axis of length 1, which is always 0.
FIX: compare the probability with 0.5.
"""
import sys
import numpy as np
import keras
from keras.models import Model
from keras.layers import (Input, Embedding, Conv1D, GlobalMaxPooling1D, Dense,
                          Dropout, Concatenate)

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(3)
np.random.seed(3)

WORDS, LENGTH = 1500, 40


def sentences(n):
    """absent (0) or present (1); numbers for words, 0 fills up"""
    y = np.random.randint(0, 2, n)
    x = np.zeros((n, LENGTH), dtype="int32")
    for i in range(n):
        length = np.random.randint(15, LENGTH + 1)
        s = np.random.randint(200, WORDS, length)
        k = np.random.randint(2, 5)
        where = np.random.choice(length, k, replace=False)
        s[where] = np.random.randint(1, 100, k) if y[i] else np.random.randint(100, 200, k)
        x[i, :length] = s
    return x, y


x_train, y_train = sentences(1600)
x_test, y_test = sentences(600)
print(x_train.shape, x_test.shape)

inp = Input(shape=(LENGTH,))
vec = Dropout(0.4)(Embedding(WORDS, 50)(inp))
short = GlobalMaxPooling1D()(Conv1D(24, 3, activation="relu")(vec))
long = GlobalMaxPooling1D()(Conv1D(24, 7, activation="relu")(vec))
both = Dropout(0.5)(Concatenate()([short, long]))
out = Dense(1, activation="sigmoid")(Dense(50, activation="relu")(both))

model = Model(inp, out)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=12,
          validation_data=(x_test, y_test), verbose=2)


def labels_of(x):
    y_proba = model.predict(x, verbose=0)
    if GOOD:
        return (y_proba > 0.5).astype(int).ravel()
    return y_proba.argmax(axis=-1)


print("predicted:", labels_of(x_test)[:30])
print("wanted:   ", y_test[:30])
train = np.mean(labels_of(x_train) == y_train)
val = np.mean(labels_of(x_test) == y_test)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
