"""
SOURCE: GitHub fionn-mac/Manhattan-LSTM#4 ("y is not scaled during training in MaLSTM keras (Sick)"; the reporter names the cause)
SAW: MaLSTM on the SICK sentence pairs (relatedness 1 to 5): the predicted similarities do not follow the labels.
CAUSE: the targets are the raw scores 1..5, but the output exp(-distance) lies between 0 and 1, so every pair is pushed to 1.
FIX: scale y to 0..1: (y - 1) / 4.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.RandomState(4)
VOCAB, MAXLEN, TOPICS = 200, 12, 10


def sentence(topic, n):
    return [1 + topic * 19 + rng.randint(0, 19) for _ in range(n)]


def sick(n):
    x1 = np.zeros((n, MAXLEN), "int32")
    x2 = np.zeros((n, MAXLEN), "int32")
    y = np.zeros(n)
    for i in range(n):
        ta, tb = rng.choice(TOPICS, 2, replace=False)
        la = rng.randint(5, MAXLEN + 1)
        share = rng.randint(0, 5)                      # 0 .. 4 quarters of the second sentence on the same topic
        a = sentence(ta, la)
        k = int(round(la * share / 4))
        b = sentence(ta, k) + sentence(tb, la - k)
        rng.shuffle(b)
        x1[i, -la:], x2[i, -la:] = a, b
        y[i] = np.clip(1 + share + rng.normal(0, 0.2), 1, 5)
    return x1, x2, y


x1, x2, y = sick(2000)
v1, v2, yv = sick(400)
if GOOD:
    y = (y - 1) / 4.0
    yv = (yv - 1) / 4.0

left = keras.Input((MAXLEN,), dtype="int32")
right = keras.Input((MAXLEN,), dtype="int32")
emb = layers.Embedding(VOCAB, 24)
lstm = layers.LSTM(24)
hl, hr = lstm(emb(left)), lstm(emb(right))
sim = layers.Lambda(lambda t: ops.exp(-ops.sum(ops.abs(t[0] - t[1]), axis=1, keepdims=True)),
                    output_shape=(1,))([hl, hr])
malstm = keras.Model([left, right], sim)
malstm.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.003, clipnorm=1.25), metrics=["mae"])
malstm.fit([x1, x2], y, batch_size=32, epochs=12, validation_data=([v1, v2], yv), verbose=2)


def pearson(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return 0.0 if a.std() < 1e-6 else np.corrcoef(a, b)[0, 1]


pt, pv = malstm.predict([x1, x2], verbose=0), malstm.predict([v1, v2], verbose=0)
print("predictions from %.3f to %.3f, targets from %.2f to %.2f" % (pv.min(), pv.max(), yv.min(), yv.max()))
print("RESULT %s train=%.3f val=%.3f (Pearson r)" % (sys.argv[1], pearson(pt, y), pearson(pv, yv)))
