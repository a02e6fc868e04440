"""
SOURCE: https://github.com/keras-team/keras/issues/2134 ("NAN loss for regression while training"), comment of rebeen,
2019-04-15

SEEN: an LSTM for regression on standardised measurements; the loss is nan from the first epoch on.

CAUSE: one of the columns is constant in the training part, so its standard deviation is 0 and standardising gives 0/0 = NaN.
FIX: add 0.000001 to the standard deviation before dividing.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
from keras.models import Sequential
from keras.layers import Input, LSTM, Dense, Dropout
import keras

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)

n = 1100
minute = np.arange(n)
pressure = 3.2 + 0.4 * np.sin(minute / 15) + rng.normal(0, .05, n)
flow = 120 + 30 * np.cos(minute / 22) + rng.normal(0, 2, n)
rpm = 1450 + 60 * np.sin(minute / 31) + rng.normal(0, 5, n)
valve = np.ones(n)                    # open / closed
temp = 40 + 0.03 * flow + 2 * np.sin(minute / 15) + rng.normal(0, .1, n)
table = np.stack([pressure, flow, rpm, valve, temp], axis=1)

train, test = table[:800], table[800:]
mean = np.mean(train, axis=0)
if GOOD:
    std = np.std(train, axis=0) + 0.000001
else:
    std = np.std(train, axis=0)
train_n = (train - mean) / std
test_n = (test - mean) / std

LOOK_BACK = 15


def windows(a):
    X = np.array([a[i:i + LOOK_BACK] for i in range(len(a) - LOOK_BACK)])
    return X, a[LOOK_BACK:, -1]


X_train, y_train = windows(train_n)
X_test, y_test = windows(test_n)

model = Sequential()
model.add(Input((LOOK_BACK, table.shape[1])))
model.add(LSTM(32))
model.add(Dropout(0.1))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")
model.fit(X_train, y_train, epochs=15, batch_size=32, validation_data=(X_test, y_test), verbose=2)

print("RESULT %s train=%.4f val=%.4f" % ("good" if GOOD else "bad",
      model.evaluate(X_train, y_train, verbose=0), model.evaluate(X_test, y_test, verbose=0)))
