"""
Source: https://blog.nowcoder.net/n/18425ea1e6184a20aa3443145507561a (blog post, LSTM regression)

Seen: two stacked LSTM layers that should tell the number behind a sequence of 16 equal values
(10, 20, 30, ... for the targets 1, 2, 3, ...); model.predict() returns almost the same constant for every
input and the loss does not go down.

CAUSE: neither the inputs (up to tens of thousands) nor the targets are standardised; the LSTM gates saturate and the loss does not converge.
FIX: standardise inputs and targets with the training mean and standard deviation.
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, LSTM, Dropout, Dense, Activation

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

steps = 16


def generate_data(numbers):
    x = np.array([[i * 10] * steps for i in numbers], dtype="float32")
    y = np.array(numbers, dtype="float32")
    return x, y


numbers = np.random.permutation(np.arange(1, 2001))
x_train, y_train = generate_data(numbers[:1000])
x_test, y_test = generate_data(numbers[1000:1200])

if GOOD:
    mx, sx = x_train.mean(), x_train.std()
    my, sy = y_train.mean(), y_train.std()
    x_train, x_test = (x_train - mx) / sx, (x_test - mx) / sx
    y_train, y_test = (y_train - my) / sy, (y_test - my) / sy

x_train = x_train.reshape(-1, steps, 1)
x_test = x_test.reshape(-1, steps, 1)

model = Sequential()
model.add(Input((None, 1)))
model.add(LSTM(50, return_sequences=True))
model.add(Dropout(0.2))
model.add(LSTM(100, return_sequences=False))
model.add(Dropout(0.2))
model.add(Dense(1))
model.add(Activation("linear"))
model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.0005))
model.fit(x_train, y_train, batch_size=32, epochs=12, validation_data=(x_test, y_test), verbose=2)

print(model.predict(x_test[:5], verbose=0)[:, 0], y_test[:5])


def r2(a, b):
    p = model.predict(a, verbose=0)[:, 0]
    return 1 - np.mean((p - b) ** 2) / np.var(b)


print(f"RESULT {sys.argv[1]} train={r2(x_train, y_train):.3f} val={r2(x_test, y_test):.3f} (R2)")
