"""Source: Currie32/Text-Summarization-with-Amazon-Reviews#3 (comment of yangshao, 2017-07-08, who found his own mistake in a
similar seq2seq program; seen as a search excerpt).
Seen: during the training the loss falls very quickly, in the test all output sequences are the same.
CAUSE: <go> was forgotten in the decoder input, so in each step the decoder is given the very word it has to say, and learns
to repeat its input.
FIX: <go> in front of the decoder input (and the last word off), so that the words are one step behind.
(Made up sequences of numbers: the summary holds the translations of the first, the middle and the last word; Keras layers in
place of the TensorFlow 1 decoder.)"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

vocab, in_len, out_len, n = 14, 5, 3, 4000
go = vocab
translate = rng.permutation(vocab)
texts = rng.integers(0, vocab, (n, in_len))
summaries = translate[texts[:, [0, 2, 4]]]
cut = 3400


def decoder_input(target):
    if GOOD:
        start = np.full((len(target), 1), go)
        return np.concatenate([start, target[:, :-1]], axis=1)
    return target


enc_in = keras.Input((in_len,), dtype="int32")
e = layers.Embedding(vocab, 24)(enc_in)
state = layers.GRU(96)(e)
dec_in = keras.Input((None,), dtype="int32")
d = layers.Embedding(vocab + 1, 24)(dec_in)
d = layers.GRU(96, return_sequences=True)(d, initial_state=state)
out = layers.Dense(vocab, activation="softmax")(d)
model = keras.Model([enc_in, dec_in], out)
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

x, y = texts[:cut], summaries[:cut]
model.fit([x, decoder_input(y)], y, batch_size=64, epochs=18, verbose=2)


def summarize(x):
    said = np.full((len(x), out_len), go)
    for t in range(out_len):
        p = model.predict([x, said], batch_size=256, verbose=0)
        word = np.argmax(p[:, t], axis=-1)
        if t + 1 < out_len:
            said[:, t + 1] = word
        if t == 0:
            words = [word]
        else:
            words.append(word)
    return np.stack(words, axis=1)


def right(x, y):
    return np.mean(summarize(x) == y)


print(summarize(texts[cut:cut + 5]), "\n", summaries[cut:cut + 5])
print("RESULT", sys.argv[1], "train=%.3f val=%.3f (words right in the generated summaries; chance is %.3f)"
      % (right(x[:600], y[:600]), right(texts[cut:], summaries[cut:]), 1 / vocab))
