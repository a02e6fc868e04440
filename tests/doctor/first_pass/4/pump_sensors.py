"""
SOURCE: GitHub keras-team/keras#6447 ("model.predict() gives same output for all inputs"; answer of chaoqing, 2018-07-04)
SAW: the model gives the same output for all inputs, training does not help.
CAUSE: there is one NaN value in the dataset; after the batch that holds it all weights are NaN.
FIX: remove the row with the NaN before training.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(17)
rng = np.random.RandomState(17)

n = 1500
temp = rng.normal(60, 8, n)
press = rng.normal(4, 0.6, n)
vib = rng.gamma(2, 1.5, n)
rpm = rng.normal(1450, 40, n)
table = np.c_[temp, press, vib, rpm]
fails = ((temp - 60) / 8 + (vib - 3) / 2 - (press - 4) / 0.6 + rng.normal(0, 0.4, n) > 0.4).astype(int)
table[733, 2] = np.nan

X = (table - np.nanmean(table, 0)) / np.nanstd(table, 0)
y = fails
if GOOD:
    keep = ~np.isnan(X).any(axis=1)
    X, y = X[keep], y[keep]
X_test, y_test = X[1200:], y[1200:]
X, y = X[:1200], y[:1200]

model = keras.Sequential()
model.add(keras.Input((4,)))
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(16, activation="relu"))
model.add(layers.Dense(2, activation="softmax"))
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
for epoch in range(15):
    p = rng.permutation(len(X))
    for i in range(0, len(X), 32):
        loss, acc = model.train_on_batch(X[p[i:i + 32]], y[p[i:i + 32]])
    print(epoch, loss)

out = model.predict(X_test, verbose=0)
print(out[:5])
tr = (model.predict(X, verbose=0).argmax(1) == y).mean()
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, (out.argmax(1) == y_test).mean()))
