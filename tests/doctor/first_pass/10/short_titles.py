"""
SOURCE: https://github.com/Currie32/Text-Summarization-with-Amazon-Reviews/issues/3 ("correct way to
use ground truth for training and greedy for testing"), whole thread seen; yangshao found it himself.
TensorFlow's seq2seq there, Keras here; the texts are made up (numbers for words).
SEEN: in a seq2seq model for summaries the training loss falls very quickly, but in testing all the
output sequences are the same.
CAUSE: the <go> token is missing in front of the decoder input, so the decoder is fed the very word
it is to say in that step and only copies it.
FIX: put <go> in front of the decoder input (so it is one step behind the target).
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)

PAD, GO, EOS = 0, 1, 2
FILL = np.arange(3, 15)
CONTENT = np.arange(15, 27)
VOCAB, TEXT_LEN, SUM_LEN = 27, 8, 4


def make(n):
    texts = rng.choice(FILL, (n, TEXT_LEN))
    sums = np.full((n, SUM_LEN), EOS)
    for i in range(n):
        k = 2 if rng.random() < 0.4 else 3
        places = np.sort(rng.choice(TEXT_LEN, k, replace=False))
        words = rng.choice(CONTENT, k)
        texts[i, places] = words
        sums[i, :k] = words
    return texts, sums


texts, sums = make(6000)
test_texts, test_sums = make(300)

if GOOD:
    dec_in = np.concatenate([np.full((len(sums), 1), GO), sums[:, :-1]], axis=1)
else:
    dec_in = sums

enc_input = keras.Input((None,), dtype="int32")
dec_input = keras.Input((None,), dtype="int32")
emb = layers.Embedding(VOCAB, 32)
_, state_f, state_b = layers.Bidirectional(layers.GRU(64, return_state=True))(emb(enc_input))
state = layers.Concatenate()([state_f, state_b])
dec_out = layers.GRU(128, return_sequences=True)(emb(dec_input), initial_state=state)
probs = layers.Dense(VOCAB, activation="softmax")(dec_out)
model = keras.Model([enc_input, dec_input], probs)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
model.fit([texts, dec_in], sums, epochs=6, batch_size=64, verbose=2)


def summarise(t):
    said = np.full((len(t), 1), GO)
    for _ in range(SUM_LEN):
        p = model.predict([t, said], verbose=0, batch_size=300)
        said = np.concatenate([said, p[:, -1].argmax(-1)[:, None]], axis=1)
    return said[:, 1:]


out_train, out_test = summarise(texts[:300]), summarise(test_texts)
print(out_test[:5], test_sums[:5])
a = np.mean(out_train == sums[:300])
b = np.mean(out_test == test_sums)
print(f"RESULT {sys.argv[1]} train={a:.3f} val={b:.3f}")
