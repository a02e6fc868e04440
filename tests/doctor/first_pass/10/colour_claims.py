"""
SOURCE: https://github.com/keras-team/keras/issues/2067 ("Attention Model Available!", code of
shyamupa/snli-entailment), thread seen up to ymcui's remark and the author's reply ("good catch! I tried
your modification and am noticing some improvements"). Made-up premises and claims (numbers for words)
in place of SNLI, and a smaller net.
SEEN: an attention model for textual entailment comes out worse than in the paper.
CAUSE: the scores come from a layer with one unit for each time step and the softmax is taken over that
last axis of length 1, so every attention weight is always 1.
FIX: a linear layer for the scores, flatten it to (batch, time) and take the softmax over the time.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)

NAMES, COLOURS, PAIRS, D = 8, 4, 5, 48
L = 2 * PAIRS


def make(n):
    premise, claim, label = np.zeros((n, L), int), np.zeros((n, 2), int), np.zeros(n, int)
    for i in range(n):
        who = rng.permutation(NAMES)
        col = rng.integers(0, COLOURS, NAMES)
        premise[i, 0::2] = who[:PAIRS]
        premise[i, 1::2] = NAMES + col[:PAIRS]
        label[i] = rng.integers(0, 2)
        k = rng.integers(0, PAIRS)
        c = col[k] if label[i] else (col[k] + rng.integers(1, COLOURS)) % COLOURS
        claim[i] = who[k], NAMES + c
    return premise, claim, label


P, C, y = make(6000)
P_v, C_v, y_v = make(800)

premise = keras.Input((L,), dtype="int32")
claim = keras.Input((2,), dtype="int32")
emb = layers.Embedding(NAMES + COLOURS, D)
Y = layers.GRU(D, return_sequences=True)(emb(premise))
h_n = layers.GRU(D)(emb(claim))
Wh = layers.RepeatVector(L)(layers.Dense(D, use_bias=False)(h_n))
Wy = layers.TimeDistributed(layers.Dense(D, use_bias=False))(Y)
M = layers.Activation("tanh")(layers.Add()([Wy, Wh]))
if GOOD:
    scores = layers.TimeDistributed(layers.Dense(1, activation="linear"))(M)
    alpha = layers.Activation("softmax")(layers.Flatten()(scores))
else:
    scores = layers.TimeDistributed(layers.Dense(1, activation="softmax"))(M)
    alpha = layers.Flatten()(scores)
r = layers.Dot(axes=1)([alpha, Y])
h_star = layers.Activation("tanh")(layers.Add()([layers.Dense(D)(r), layers.Dense(D)(h_n)]))
h_star = layers.Dense(D, activation="relu")(h_star)
out = layers.Dense(1, activation="sigmoid")(h_star)
model = keras.Model([premise, claim], out)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy", metrics=["accuracy"])
model.fit([P, C], y, batch_size=64, epochs=11, verbose=2, validation_data=([P_v, C_v], y_v))
a = model.evaluate([P[:800], C[:800]], y[:800], verbose=0)[1]
b = model.evaluate([P_v, C_v], y_v, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={a:.3f} val={b:.3f}")
