"""Source: aneesh-joshi/LSTM_POS_Tagger#8 ("Padding without masking"), whole thread seen; the author confirms.

What the person saw: the tagger (Embedding, LSTM, a softmax for each word) reports an accuracy of 99 %, and a sentence with
one real word could be tagged wrongly and still count as nearly right.

CAUSE: the sentences are padded to a great length and the padding is not masked, so loss and accuracy are mostly about the
padding, which is trivial.
FIX: mask_zero=True in the Embedding.
(Made up sentences; the kind of a word can depend on the word before it.)
"""
import sys
import numpy as np
import keras
from keras.layers import Input, Embedding, LSTM, TimeDistributed, Dense
from keras.models import Sequential

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

WORDS, TAGS, MAX_LEN, N = 400, 8, 60, 1200     # word 0 and tag 0 are the padding
first = rng.integers(1, TAGS + 1, size=WORDS)
second = np.where(rng.random(WORDS) < 0.3, rng.integers(1, TAGS + 1, size=WORDS), first)

X = np.zeros((N, MAX_LEN), "int32")
T = np.zeros((N, MAX_LEN), "int32")
for i in range(N):
    n = rng.integers(3, 9)
    words = np.minimum((rng.pareto(1.2, size=n) * 12).astype(int) + 1, WORDS - 1)
    tags = []
    for j, w in enumerate(words):
        before = tags[-1] if tags else 0
        tags.append(second[w] if before % 2 else first[w])
    X[i, -n:] = words
    T[i, -n:] = tags
Y = keras.utils.to_categorical(T, TAGS + 1)

model = Sequential([
    Input((MAX_LEN,)),
    Embedding(WORDS, 32, mask_zero=GOOD),
    LSTM(48, return_sequences=True),
    TimeDistributed(Dense(TAGS + 1, activation="softmax")),
])
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(X[:1000], Y[:1000], batch_size=64, epochs=14, validation_data=(X[1000:], Y[1000:]), verbose=2)


def word_accuracy(a, t):
    p = model.predict(a, verbose=0).argmax(-1)
    return (p == t)[a > 0].mean()


print(f"RESULT {sys.argv[1]} train={word_accuracy(X[:1000], T[:1000]):.3f} val={word_accuracy(X[1000:], T[1000:]):.3f} "
      f"(accuracy on the words)")
