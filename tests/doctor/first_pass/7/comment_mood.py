"""Source: tthustla/twitter_sentiment_analysis_part11#1 ("About text_to_sequences"), the reporter's own solution seen.

What the person saw: sentiment of (Chinese) comments with the word index of Keras; the F1 on new comments is only 0.738,
below naive Bayes (0.899), although the training set fits well.

CAUSE: each part of the data gets a word index of its own, so the same word has another number in the test set than in
training.
FIX: one word index, made from all the data and used for all parts (the reporter then got 0.9325).
(Made-up words; a word index by frequency as the Tokenizer of Keras makes it, written out because Keras 3 has none.)
"""
import sys
from collections import Counter
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(29)
rng = np.random.default_rng(29)

syllables = ["ka", "lo", "mi", "ne", "pu", "ra", "so", "ti", "ve", "xu"]
lexicon = sorted({"".join(rng.choice(syllables, rng.integers(2, 4))) for _ in range(500)})[:360]
rng.shuffle(lexicon)
friendly, angry, other = lexicon[:60], lexicon[60:120], lexicon[120:]
weights = 1 / np.arange(3, len(other) + 3)
weights /= weights.sum()


def write(n):
    texts, moods = [], []
    for _ in range(n):
        mood = int(rng.integers(0, 2))
        words = list(rng.choice(other, rng.integers(5, 12), p=weights))
        for _ in range(rng.integers(2, 5)):
            source = (friendly if mood else angry) if rng.uniform() < 0.9 else (angry if mood else friendly)
            words.insert(int(rng.integers(0, len(words))), str(rng.choice(source)))
        texts.append(" ".join(words))
        moods.append(mood)
    return texts, np.array(moods)


def fit_on_texts(texts):
    counts = Counter(w for t in texts for w in t.split())
    return {w: i + 1 for i, (w, _) in enumerate(counts.most_common())}


def texts_to_sequences(texts, word_index, maxlen=16):
    out = np.zeros((len(texts), maxlen), "int32")
    for i, t in enumerate(texts):
        ids = [word_index[w] for w in t.split() if w in word_index][-maxlen:]
        out[i, maxlen - len(ids):] = ids
    return out


train_texts, y_train = write(1600)
test_texts, y_test = write(500)
if GOOD:
    index = fit_on_texts(train_texts + test_texts)
    x_train, x_test = texts_to_sequences(train_texts, index), texts_to_sequences(test_texts, index)
else:
    x_train = texts_to_sequences(train_texts, fit_on_texts(train_texts))
    x_test = texts_to_sequences(test_texts, fit_on_texts(test_texts))

inp = keras.Input((16,))
e = layers.Embedding(400, 24)(inp)
branches = [layers.GlobalMaxPooling1D()(layers.Conv1D(24, k, activation="relu")(e)) for k in (2, 3, 4)]
h = layers.Dense(32, activation="relu")(layers.Concatenate()(branches))
h = layers.Dropout(0.2)(h)
model = keras.Model(inp, layers.Dense(1, activation="sigmoid")(h))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=8, verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(x_train, y_train, verbose=0)[1], model.evaluate(x_test, y_test, verbose=0)[1]))
