"""
SOURCE: keras-team/keras#2134, "NAN loss for regression while training" (the comment of 2019-04-15 with an LSTM)
SAW: an LSTM for regression on standardised data: loss nan from the first epoch.
CAUSE: one feature is constant, its standard deviation is 0, so the standardisation writes nan into the data.
FIX: a small value added to the standard deviation.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, LSTM, Dense
from sklearn.metrics import r2_score

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)

n = 1500
t = np.arange(n)
temp = 20 + 6 * np.sin(2 * np.pi * t / 48) + rng.normal(0, 0.4, n)
load = 300 + 80 * np.sin(2 * np.pi * t / 24 + 1) + rng.normal(0, 8, n)
pressure = 1013 + np.cumsum(rng.normal(0, 0.1, n))
valve = np.full(n, 2.0)
target = 0.1 * np.roll(load, 2) + 1.5 * np.roll(temp, 5) + rng.normal(0, 0.5, n)
table = np.column_stack([temp, load, pressure, valve])

steps = 12
X = np.array([table[i - steps:i] for i in range(steps, n)])
y = target[steps:n]
y = (y - y.mean()) / y.std()
cut = 1150
train, test = X[:cut], X[cut:]
y_train, y_test = y[:cut], y[cut:]

mean = np.mean(train, axis=(0, 1))
std = np.std(train, axis=(0, 1))
if GOOD:
    std = std + 0.000001
X_train = (train - mean) / std
X_test = (test - mean) / std

model = Sequential()
model.add(Input((steps, 4)))
model.add(LSTM(32))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")
h = model.fit(X_train, y_train, epochs=15, batch_size=32, validation_data=(X_test, y_test), verbose=2)
print("RESULT %s train=%.4f val=%.4f" % (sys.argv[1], h.history["loss"][-1], h.history["val_loss"][-1]))
