"""
Source: https://stats.stackexchange.com/questions/418955 ("Why is deep neural net with linear activation diverges")

Seen: two linear Dense(1) layers on one standardised column, trained with plain SGD and mse on
y = x**2 + 3 for x = 0..99; the loss explodes to nan within the first epochs.

CAUSE: the target runs up to about 10000 and is not scaled, so the gradients of the mse are far too large for SGD's learning rate.
FIX: standardise the target as well.
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)

x = np.arange(100)[:, np.newaxis].astype("float32")
f = lambda x: x ** 2 + 3
y = f(x)

x_normed = (x - x.mean()) / x.std()
if GOOD:
    y = (y - y.mean()) / y.std()

idx = np.random.permutation(100)
tr, va = idx[:80], idx[80:]

km = Sequential()
km.add(Input((1,)))
km.add(Dense(1, activation=None))
km.add(Dense(1, activation=None))
km.compile("sgd", loss="mse")
km.fit(x_normed[tr], y[tr], epochs=150, verbose=2, validation_data=(x_normed[va], y[va]))


def r2(xx, yy):
    p = km.predict(xx, verbose=0)
    return 1 - np.mean((p - yy) ** 2) / np.var(yy)


print(f"RESULT {sys.argv[1]} train={r2(x_normed[tr], y[tr]):.3f} val={r2(x_normed[va], y[va]):.3f} (R2)")
