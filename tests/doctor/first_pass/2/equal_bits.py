"""
Source: http://pullrequest.ru/13148192 (Russian mirror of a Stack Overflow question, "Why can't I train an ANN for XNOR")

Seen: a tiny network that should answer 1 when two bits are equal; the accuracy stops at 0.5-0.75 and does not move any more.

CAUSE: the hidden layer has only two relu units; when one of them is negative on every row it is dead for good, and what remains cannot represent XNOR.
FIX: a larger architecture (two hidden layers of 20 relu units).
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

X = np.random.randint(0, 2, size=(800, 2)).astype("float32")
y = (X[:, 0] == X[:, 1]).astype("float32")
X_train, y_train = X[:600], y[:600]
X_val, y_val = X[600:], y[600:]

model = Sequential()
model.add(Input((2,)))
if GOOD:
    model.add(Dense(20, activation="relu"))
    model.add(Dense(20, activation="relu"))
else:
    model.add(Dense(2, activation="relu"))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X_train, y_train, epochs=100, batch_size=10, validation_data=(X_val, y_val), verbose=2)

print(model.predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32"), verbose=0))
train = model.evaluate(X_train, y_train, verbose=0)[1]
val = model.evaluate(X_val, y_val, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
