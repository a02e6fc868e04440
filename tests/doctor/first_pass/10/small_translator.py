"""
SOURCE: https://github.com/lsdefine/attention-is-all-you-need-keras/issues/12 ("maybe i find a point
should be change"), whole thread seen (answer of the owner). The sentences are made up here and the
transformer is smaller.
SEEN: in a transformer for translation the loss can not come down after the reader gave the last layer
the softmax that is in the paper.
CAUSE: the loss function (TensorFlow's cross entropy with logits) already contains a softmax, so with
the softmax in the last layer it is done twice.
FIX: no softmax in the last layer.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

WORDS, L, D = 2000, 8, 48
GO, FIRST = 1, 2
dictionary = FIRST + rng.permutation(WORDS)
freq = 1.0 / np.arange(1, WORDS + 1) ** 0.6
freq /= freq.sum()


def make(n):
    src = np.zeros((n, L), int)
    tgt = np.zeros((n, L + 1), int)
    tgt[:, 0] = GO
    for i in range(n):
        k = rng.integers(4, L + 1)
        w = rng.choice(WORDS, k, p=freq)
        src[i, :k] = FIRST + w
        tgt[i, 1:k + 1] = dictionary[w]
    return src, tgt


src, tgt = make(7000)
src_v, tgt_v = make(500)
i_tokens = o_tokens = WORDS + FIRST


class Position(layers.Layer):
    def build(self, shape):
        self.p = self.add_weight(shape=(L, D), initializer="random_normal", name="p")

    def call(self, x):
        return x + self.p[None]


def block(q, kv, causal=False):
    a = layers.MultiHeadAttention(2, D // 2)(q, kv, use_causal_mask=causal)
    x = layers.LayerNormalization()(layers.Add()([q, a]))
    f = layers.Dense(D)(layers.Dense(2 * D, activation="relu")(x))
    return layers.LayerNormalization()(layers.Add()([x, f]))


src_seq = keras.Input((L,), dtype="int32")
tgt_seq = keras.Input((L,), dtype="int32")
enc = Position()(layers.Embedding(i_tokens, D)(src_seq))
enc = block(enc, enc)
dec = Position()(layers.Embedding(o_tokens, D)(tgt_seq))
dec = block(dec, dec, causal=True)
dec = block(dec, enc)
if GOOD:
    target_layer = layers.TimeDistributed(layers.Dense(o_tokens, use_bias=False))
else:
    target_layer = layers.TimeDistributed(layers.Dense(o_tokens, activation="softmax", use_bias=False))
final_output = target_layer(dec)


def get_loss(y_true, y_pred):
    y_true = tf.cast(y_true, tf.int32)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_true, logits=y_pred)
    mask = tf.cast(tf.not_equal(y_true, 0), tf.float32)
    return tf.reduce_sum(loss * mask, -1) / tf.reduce_sum(mask, -1)


def get_acc(y_true, y_pred):
    y_true = tf.cast(y_true, tf.int64)
    mask = tf.cast(tf.not_equal(y_true, 0), tf.float32)
    same = tf.cast(tf.equal(y_true, tf.argmax(y_pred, -1)), tf.float32)
    return tf.reduce_sum(same * mask, -1) / tf.reduce_sum(mask, -1)


model = keras.Model([src_seq, tgt_seq], final_output)
model.compile(keras.optimizers.Adam(0.001, beta_1=0.9, beta_2=0.98, epsilon=1e-9), loss=get_loss, metrics=[get_acc])
model.fit([src, tgt[:, :-1]], tgt[:, 1:], batch_size=64, epochs=4, verbose=2,
          validation_data=([src_v, tgt_v[:, :-1]], tgt_v[:, 1:]))
a = model.evaluate([src[:500], tgt[:500, :-1]], tgt[:500, 1:], verbose=0)[1]
b = model.evaluate([src_v, tgt_v[:, :-1]], tgt_v[:, 1:], verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={a:.3f} val={b:.3f}")
