"""
SOURCE: https://github.com/greenelab/snorkeling/pull/96 ("Word vector fix", merged 2019-12), whole description seen.
SEEN: The discriminative model on sentences that mention two genes (does the sentence say that they interact?) performs
    poorly.
CAUSE: The word dictionary gives the indices 0 and 1 to two real, important words, while 0 is also the padding ("null",
    masked) and 1 the token for every unknown word: these two words drown in the padding and the unknowns.
FIX: Shift the dictionary by two, so that 0 and 1 stay reserved.
"""
import sys
from collections import Counter

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)

common = [f"term{i}" for i in range(160)]
p_common = 1.0 / np.arange(16, len(common) + 16)
p_common /= p_common.sum()
weak = ["measured", "sequenced", "listed", "expressed"]


def gene():
    return "gene" + str(int(rng.integers(0, 4000)))


def candidate():
    label = int(rng.random() < 0.5)
    middle = list(rng.choice(common, rng.integers(0, 4), p=p_common))
    u = rng.random()
    if label:
        verb = ["interacts"] if u < 0.85 else ["binds"]
    else:
        verb = ["not", "interacts"] if u < 0.5 else ([] if u < 0.85 else [str(rng.choice(weak))])
    at = int(rng.integers(0, len(middle) + 1))
    middle = middle[:at] + verb + middle[at:]
    head = list(rng.choice(common, rng.integers(1, 5), p=p_common))
    tail = list(rng.choice(common, rng.integers(1, 6), p=p_common))
    if rng.random() < 0.35:
        tail.insert(0, gene())
    if rng.random() < 0.10:
        tail.insert(int(rng.integers(0, len(tail) + 1)), "not")
    if rng.random() < 0.05:
        label = 1 - label
    return head + [gene()] + middle + [gene()] + tail, label


pairs = [candidate() for _ in range(3200)]
texts = [t for t, _ in pairs]
y = np.array([l for _, l in pairs])

counts = Counter(w for t in texts[:2400] for w in t)
words = [w for w, c in counts.most_common() if c > 3]
first = 2 if GOOD else 0
word_dict = {w: i + first for i, w in enumerate(words)}
print("words", len(word_dict), "first:", words[:6])

length = 20
X = np.zeros((len(texts), length), dtype="int32")
for i, t in enumerate(texts):
    ids = [word_dict.get(w, 1) for w in t][:length]
    X[i, :len(ids)] = ids

X_train, X_dev, y_train, y_dev = X[:2400], X[2400:], y[:2400], y[2400:]

model = keras.Sequential([
    layers.Input((length,), dtype="int32"),
    layers.Embedding(len(words) + 2, 24, mask_zero=True),
    layers.LSTM(24),
    layers.Dropout(0.2),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(X_train, y_train, batch_size=48, epochs=7, validation_data=(X_dev, y_dev), verbose=2)

tr = model.evaluate(X_train, y_train, verbose=0)[1]
te = model.evaluate(X_dev, y_dev, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={te:.3f} (accuracy)")
