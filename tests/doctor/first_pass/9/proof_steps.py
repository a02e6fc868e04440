"""Source: IBM/graph2tac#95 ("Expand shuffle buffer to shuffle all the data", pull request of jasonrute, whole description
seen).
Seen: the data come from an iterator of half a million rows, the shuffle buffer holds 1e4 of them; near the end of the
training the accuracy is about 50 % at the beginning of an epoch and 70 % over the whole epoch, as if the net had forgotten
the data of the start of the epoch.
CAUSE: the shuffle buffer is much smaller than the data, so the rows are only shuffled locally and the net forgets the start
of the pass by its end.
FIX: a buffer that holds all the data ("learns substantially faster").
(Rows of token numbers in place of graphs; 15600 rows and a buffer of 312, the same share of 2 %; four passes, in the report
ten against forty.)"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

# 6 libraries, one after the other in the files; in each library some definitions and some steps are used much more often
n_lib, per_lib, n_tokens, length, n_steps = 6, 2600, 300, 12, 24
table = rng.integers(0, n_steps, (n_lib, 40))


def library(k, n):
    hint = rng.integers(0, 40, n)
    rows = rng.integers(40 + n_lib * 4, n_tokens, (n, length))
    where = rng.integers(0, length - 3, n)
    i = np.arange(n)
    rows[i, where] = hint
    for j in (1, 2):
        rows[i, where + j] = 40 + k * 4 + rng.integers(0, 4, n)
    return rows, table[k, hint]


train = [library(k, per_lib) for k in range(n_lib)]
held = [library(k, 200) for k in range(n_lib)]
x_va, y_va = np.concatenate([a for a, _ in held]), np.concatenate([b for _, b in held])


def rows():
    for a, b in train:
        for i in range(len(a)):
            yield a[i], b[i]


n_rows = n_lib * per_lib
ds = tf.data.Dataset.from_generator(rows, output_signature=(tf.TensorSpec((length,), tf.int32), tf.TensorSpec((), tf.int32)))
ds = ds.cache()
buffer = 312
if GOOD:
    buffer = n_rows
ds = ds.shuffle(buffer).batch(64).prefetch(2)

inp = keras.Input((length,), dtype="int32")
h = layers.Embedding(n_tokens, 32)(inp)
h = layers.GlobalAveragePooling1D()(h)
h = layers.Dense(128, activation="relu")(h)
out = layers.Dense(n_steps, activation="softmax")(h)
model = keras.Model(inp, out)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(ds, epochs=4, validation_data=(x_va, y_va), verbose=2)

x_tr = np.concatenate([a for a, _ in train])
y_tr = np.concatenate([b for _, b in train])
acc = lambda a, b: model.evaluate(a, b, batch_size=256, verbose=0)[1]
print("first library %.3f last library %.3f" % (acc(x_tr[:2600], y_tr[:2600]), acc(x_tr[-2600:], y_tr[-2600:])))
print("RESULT", sys.argv[1], "train=%.3f val=%.3f (accuracy)" % (acc(x_tr, y_tr), acc(x_va, y_va)))
