"""
SOURCE: https://github.com/dennybritz/cnn-text-classification-tf/issues/8 ("how to test the trained module?"), excerpt seen:
    fmaglia (2016-04-11) and the answers of the author.
SEEN: A CNN on sentences is good in training; on new texts the evaluation script gives a worthless accuracy.
CAUSE: For the test texts a vocabulary of their own is built, so the same word has another index than in training and
    the trained embeddings are looked up for the wrong words. ("The vocabulary must be the same or you can't index the
    embeddings.")
FIX: Encode the test texts with the vocabulary of the training texts.
"""
import sys
from collections import Counter

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

syll = ["ba", "do", "ki", "lu", "me", "no", "pa", "ri", "sa", "tu", "ve", "zo", "gra", "sti", "mol", "fen"]
lexicon = sorted({"".join(rng.choice(syll, rng.integers(2, 4))) for _ in range(1500)})
rng.shuffle(lexicon)
praise, blame, plain = lexicon[:70], lexicon[70:140], lexicon[140:1100]
zipf = 1.0 / np.arange(1, len(plain) + 1) ** 0.9
zipf /= zipf.sum()


def sentences(n):
    texts, labels = [], []
    for _ in range(n):
        y = int(rng.integers(0, 2))
        words = list(rng.choice(plain, rng.integers(7, 20), p=zipf))
        for _ in range(rng.integers(1, 4)):
            own, other = (praise, blame) if y else (blame, praise)
            pool = own if rng.random() < 0.88 else other
            words.insert(rng.integers(0, len(words) + 1), pool[int(len(pool) * rng.random() ** 1.5)])
        texts.append(words)
        labels.append(y)
    return texts, np.array(labels)


def pad_sentences(texts, length=24, padding_word="<PAD/>"):
    return [(t + [padding_word] * length)[:length] for t in texts]


def build_vocab(texts):
    word_counts = Counter(w for t in texts for w in t)
    vocabulary_inv = [w for w, _ in word_counts.most_common()]
    return {w: i for i, w in enumerate(vocabulary_inv)}


def build_input_data(texts, vocabulary):
    return np.array([[vocabulary.get(w, 0) for w in t] for t in texts])


train_texts, y_train = sentences(2400)
test_texts, y_test = sentences(800)
train_texts, test_texts = pad_sentences(train_texts), pad_sentences(test_texts)

vocabulary = build_vocab(train_texts)
x_train = build_input_data(train_texts, vocabulary)

inp = layers.Input((x_train.shape[1],), dtype="int32")
e = layers.Embedding(len(vocabulary), 48)(inp)
pooled = []
for size in (3, 4, 5):
    c = layers.Conv1D(24, size, activation="relu")(e)
    pooled.append(layers.GlobalMaxPooling1D()(c))
h = layers.Dropout(0.5)(layers.Concatenate()(pooled))
out = layers.Dense(2, activation="softmax")(h)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

model.fit(x_train, y_train, batch_size=64, epochs=7, validation_split=0.1, verbose=2)
train_acc = model.evaluate(x_train, y_train, verbose=0)[1]

if not GOOD:
    vocabulary = build_vocab(test_texts)
x_test = build_input_data(test_texts, vocabulary)
test_acc = model.evaluate(x_test, y_test, verbose=0)[1]
print("Total number of test examples:", len(y_test))
print(f"RESULT {'good' if GOOD else 'bad'} train={train_acc:.3f} val={test_acc:.3f} (accuracy)")
