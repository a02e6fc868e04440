"""Source: keras-team/keras#500 ("Neural Network only outputting 1 regardless of the input"), answer of fchollet seen.

What the person saw: a recurrent net that gets a sequence of letters/digits as numbers and shall give the next
one; the outputs are all exactly 1.0 over 900 epochs, before any rounding.

CAUSE: softmax on an output of size 1 is always 1.
FIX: no softmax on the single unit (sigmoid here, the codes are scaled to 0..1).
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import LSTM, Dense, Activation, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

chars = "abcdefghijklmnopqrstuvwxyz0123456789"
code = {c: i / (len(chars) - 1) for i, c in enumerate(chars)}
text = ""
while len(text) < 3000:
    start = np.random.randint(0, len(chars) - 14)
    step = np.random.choice([1, 2])
    text += chars[start:start + 14 * step:step]
enc = np.array([code[c] for c in text])

maxlen = 6
X, y = [], []
for i in range(0, len(enc) - maxlen):
    X.append(enc[i:i + maxlen])
    y.append(enc[i + maxlen])
X = np.array(X)[:, :, None]
y = np.array(y)
X_test, y_test = X[2400:], y[2400:]
X, y = X[:2400], y[:2400]

model = Sequential()
model.add(Input((maxlen, 1)))
model.add(LSTM(32))
model.add(Dense(1))
model.add(Activation("sigmoid" if GOOD else "softmax"))
model.compile(loss="mean_squared_error", optimizer="rmsprop")
model.fit(X, y, batch_size=32, epochs=25, verbose=2, validation_data=(X_test, y_test))


def r2(a, b):
    p = model.predict(a, verbose=0)[:, 0]
    return 1 - np.sum((b - p) ** 2) / np.sum((b - b.mean()) ** 2)


print("RESULT %s train=%.3f val=%.3f (R2)" % (sys.argv[1], r2(X, y), r2(X_test, y_test)))
