"""
Source: https://github.com/yandexdataschool/nlp_course/issues/15
("NB: there is a single NaN value in the Week2 seminar dataset")
Seen: a network with three inputs (title, description, categories as integers / one-hot) that
predicts the logarithm of the salary; its training is ruined.
CAUSE: one single row of the data has no salary (NaN).
FIX: drop that row (dropna) before training.
"""
import sys
import numpy as np
import keras
from keras import layers as L

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

PAD, UNK = 0, 1
n, n_words, title_len, desc_len, n_cat = 3000, 400, 6, 30, 20

word_worth = rng.normal(0, 0.25, n_words)
cat_worth = rng.normal(0, 0.2, n_cat)
titles, descs = np.full((n, title_len), PAD), np.full((n, desc_len), PAD)
cats = rng.integers(0, n_cat, n)
log_pay = np.full(n, 10.2)
for i in range(n):
    t = rng.integers(2, n_words, rng.integers(2, title_len + 1))
    d = rng.integers(2, n_words, rng.integers(10, desc_len + 1))
    titles[i, :len(t)], descs[i, :len(d)] = t, d
    log_pay[i] += word_worth[t].sum() + 0.3 * word_worth[d].sum() + cat_worth[cats[i]]
salary = np.round(np.exp(log_pay + rng.normal(0, 0.08, n)), -2)
salary[1588] = np.nan

data = {"title": titles.astype("int32"), "desc": descs.astype("int32"),
        "cat": np.eye(n_cat, dtype="float32")[cats], "y": np.log1p(salary).astype("float32")}
if GOOD:
    rows = ~np.isnan(salary)
    data = {k: v[rows] for k, v in data.items()}

cut = int(len(data["y"]) * 0.8)
train = {k: v[:cut] for k, v in data.items()}
val = {k: v[cut:] for k, v in data.items()}

l_title = L.Input((title_len,), dtype="int32")
l_desc = L.Input((desc_len,), dtype="int32")
l_cat = L.Input((n_cat,))
emb = L.Embedding(n_words, 16)
t = L.GlobalAveragePooling1D()(L.Conv1D(32, 2, padding="same", activation="relu")(emb(l_title)))
d = L.GlobalAveragePooling1D()(L.Conv1D(32, 3, padding="same", activation="relu")(emb(l_desc)))
c = L.Dense(16, activation="relu")(l_cat)
h = L.Dense(64, activation="relu")(L.Concatenate()([t, d, c]))
model = keras.Model([l_title, l_desc, l_cat], L.Dense(1)(h))
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mean_squared_error", metrics=["mean_absolute_error"])


def iterate_minibatches(part, batch_size=64):
    order = np.random.permutation(len(part["y"]))
    for s in range(0, len(order), batch_size):
        ix = order[s:s + batch_size]
        yield [part["title"][ix], part["desc"][ix], part["cat"][ix]], part["y"][ix]


for epoch in range(25):
    losses = []
    for x, y in iterate_minibatches(train):
        losses.append(model.train_on_batch(x, y)[0])
    print("epoch", epoch + 1, "loss", losses[-1])


def r2(part):
    ok = ~np.isnan(part["y"])
    p = model.predict([part["title"], part["desc"], part["cat"]], verbose=0)[:, 0]
    y = part["y"]
    return 1 - np.mean((y[ok] - p[ok]) ** 2) / np.var(y[ok])


print(f"RESULT {sys.argv[1]} train={r2(train):.3f} val={r2(val):.3f} (R2 of the log salary)")
