"""
Source: https://openillumi.com/en/en-keras-tf-fix-huge-negative-loss-regression (a Stack Overflow question retold there:
"I am trying to predict a price from a dataset using Keras ... huge negative loss and a very small accuracy")

Seen: after following a classification tutorial for a price table the loss starts at a huge negative
number (-117944) and goes on falling, accuracy stays around 4e-05, the predictions are useless.

CAUSE: binary_crossentropy, a loss for labels 0/1, is used for a regression on prices.
FIX: use mse as the loss (and mse as the metric instead of accuracy).
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense
from sklearn.preprocessing import MinMaxScaler
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)

n = 2400
rooms = np.random.randint(1, 7, n)
m2 = rooms * 18 + np.random.normal(15, 8, n)
age = np.random.uniform(0, 80, n)
dist = np.random.exponential(4, n)
floor = np.random.randint(0, 9, n)
balcony = np.random.randint(0, 2, n)
price = 2.1 * m2 + 14 * balcony - 0.5 * age - 4.0 * dist + 1.5 * floor + 60 + np.random.normal(0, 8, n)
dataset = np.stack([rooms, m2, age, dist, floor, balcony, price], axis=1)

X = dataset[:, 0:6]
Y = dataset[:, 6]
X_scale = MinMaxScaler().fit_transform(X)
X_train, X_val, Y_train, Y_val = train_test_split(X_scale, Y, test_size=0.2, random_state=2)

model = Sequential([
    Input(shape=(6,)),
    Dense(32, activation="relu"),
    Dense(32, activation="relu"),
    Dense(1),
])
if GOOD:
    model.compile(optimizer="adam", loss="mse", metrics=["mse"])
else:
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(X_train, Y_train, batch_size=32, epochs=50, validation_data=(X_val, Y_val), verbose=2)


def r2(a, b):
    p = model.predict(a, verbose=0)[:, 0]
    return 1 - np.mean((p - b) ** 2) / np.var(b)


print(f"RESULT {sys.argv[1]} train={r2(X_train, Y_train):.3f} val={r2(X_val, Y_val):.3f} (R2)")
