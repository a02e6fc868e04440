"""Source: nfmcclure/tensorflow_cookbook#69 ("chapter_7: skip_gram and cbow programmes are wrong"; comment of
Jhonsonzhangxing, 2017-06-03, who found the line; thread seen as a search excerpt).
Seen: the loss falls, but the nearest words make no sense and do not change during the training.
CAUSE: the function that makes numbers of the sentences goes through each sentence, which is a string, letter by letter, so
nearly everything is the number 0 of unknown words.
FIX: go through sentence.split().
(Made up sentences; CBOW with softmax over a small vocabulary, in Keras in place of the low level graph.)"""
import sys
from collections import Counter

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

people = ["actor", "writer", "singer", "dancer", "painter", "director"]
things = {"actor": ["stage", "role"], "writer": ["novel", "script"], "singer": ["song", "voice"],
          "dancer": ["ballet", "steps"], "painter": ["canvas", "brush"], "director": ["camera", "scene"]}
words = ["great", "poor", "fine", "weak"]


def sentence():
    p = rng.choice(people)
    t, u = rng.permutation(things[p])
    return f"the {p} with {t} and {u} was {rng.choice(words)} in this movie"


texts = [sentence() for _ in range(1500)]
vocabulary_size = 40
window_size = 2


def build_dictionary(sentences, size):
    count = Counter(w for s in sentences for w in s.split())
    word_dict = {"RARE": 0}
    for w, _ in count.most_common(size - 1):
        word_dict[w] = len(word_dict)
    return word_dict


def text_to_numbers(sentences, word_dict):
    data = []
    for s in sentences:
        numbers = []
        for word in (s.split() if GOOD else s):
            numbers.append(word_dict.get(word, 0))
        data.append(numbers)
    return data


def windows(data):
    xs, ys = [], []
    for row in data:
        for i in range(window_size, len(row) - window_size):
            xs.append(row[i - window_size:i] + row[i + 1:i + 1 + window_size])
            ys.append(row[i])
    return np.array(xs), np.array(ys)


word_dict = build_dictionary(texts, vocabulary_size)
x, y = windows(text_to_numbers(texts[:1200], word_dict))
pick = rng.permutation(len(x))[:8000]
x, y = x[pick], y[pick]

model = keras.Sequential([
    keras.Input((2 * window_size,)),
    layers.Embedding(vocabulary_size, 16, name="words"),
    layers.GlobalAveragePooling1D(),
    layers.Dense(vocabulary_size, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
model.fit(x, y, batch_size=64, epochs=12, verbose=2)

emb = model.get_layer("words").get_weights()[0]
emb = emb / np.linalg.norm(emb, axis=1, keepdims=True)
names = {v: k for k, v in word_dict.items()}
for w in ["song", "great", "actor"]:
    near = np.argsort(-emb @ emb[word_dict[w]])[1:4]
    print("nearest to", w, ":", [names.get(i, "-") for i in near])


def guessed(sentences):
    rows = [[word_dict.get(w, 0) for w in s.split()] for s in sentences]
    a, b = windows(rows)
    return np.mean(np.argmax(model.predict(a, verbose=0), axis=1) == b)


print("RESULT", sys.argv[1], "train=%.3f val=%.3f (share of the words guessed from their neighbours)"
      % (guessed(texts[:1200]), guessed(texts[1200:])))
