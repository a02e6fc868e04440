"""
SOURCE: https://github.com/keras-team/keras/issues/2009 ("Word embedding (predicting next word)")

SEEN: Embedding and two LSTM layers that shall predict the next word from a window of word numbers; y is the number of
the next word. The loss is a steady -5444 for all epochs; it does not learn anything.

CAUSE: the number of the word is used as target of a single output unit with binary_crossentropy; a word number is a
class, not a quantity.
FIX: one-hot targets of the size of the vocabulary, with a softmax layer and categorical_crossentropy.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Embedding, LSTM, Dropout, Dense, Activation

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)

vocsize, maxlen = 300, 8
# a text in which each word has a few likely followers
followers = rng.integers(1, vocsize, (vocsize, 3))
text = [5]
for _ in range(3500):
    text.append(int(followers[text[-1], rng.choice(3, p=[.8, .15, .05])]))
text = np.array(text)
x = np.stack([text[i:i + maxlen] for i in range(len(text) - maxlen)])
y = text[maxlen:]
if GOOD:
    targets = keras.utils.to_categorical(y, vocsize)
else:
    targets = y.astype("float32")
cut = 2900

model = Sequential()
model.add(Input((maxlen,)))
model.add(Embedding(vocsize, 32))
model.add(LSTM(48, return_sequences=True))
model.add(Dropout(0.1))
model.add(LSTM(48, return_sequences=False))
model.add(Dropout(0.1))
if GOOD:
    model.add(Dense(vocsize))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(5e-3))
else:
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(5e-3))
model.fit(x[:cut], targets[:cut], batch_size=64, epochs=12, validation_data=(x[cut:], targets[cut:]), verbose=2)


def hit_rate(a, truth):
    p = model.predict(a, verbose=0, batch_size=256)
    word = p.argmax(1) if GOOD else np.rint(p[:, 0])
    return float((word == truth).mean())


print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", hit_rate(x[:cut], y[:cut]), hit_rate(x[cut:], y[cut:])))
