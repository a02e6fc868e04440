"""
SOURCE: GitHub statsmaths/kerasR#21 ("Boston Housing Example issue"; confirmed by the maintainer 2017-06-04)
SAW: Boston housing regression, 50 relu units, RMSprop, 200 epochs: the fit looks right, but the predictions for the test
     rows are bad (error nearly as large as the spread of the prices).
CAUSE: the test matrix is normalized a second time (row-wise) inside the prediction call; the net was trained on standardized columns only.
FIX: predict on the test matrix that is scaled exactly like the training matrix.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(10)
rng = np.random.RandomState(10)

# 13 columns with the scales of the old housing data
n = 506
crim = rng.lognormal(-1, 1.8, n)
zn = np.where(rng.rand(n) < 0.7, 0, rng.uniform(10, 100, n))
indus = rng.uniform(1, 27, n)
chas = (rng.rand(n) < 0.07).astype(float)
nox = 0.35 + 0.015 * indus + rng.normal(0, 0.05, n)
rm = rng.normal(6.3, 0.7, n)
age = rng.uniform(5, 100, n)
dis = rng.lognormal(1.2, 0.5, n)
rad = rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 24], n)
tax = 250 + 17 * rad + rng.normal(0, 40, n)
ptratio = rng.uniform(13, 22, n)
b = 396 - rng.exponential(20, n)
lstat = rng.gamma(3, 4, n)
price = (24 + 5.5 * (rm - 6.3) - 0.5 * (lstat - 12) - 0.8 * (ptratio - 18) - 9 * (nox - 0.55) - 0.004 * (tax - 400)
         + 3 * chas + 1.2 * (rm - 6.3) ** 2 + rng.normal(0, 1.5, n))
X = np.c_[crim, zn, indus, chas, nox, rm, age, dis, rad, tax, ptratio, b, lstat]
X_train, Y_train, X_test, Y_test = X[:404], price[:404], X[404:], price[404:]

mean, sd = X_train.mean(0), X_train.std(0)
X_train = (X_train - mean) / sd
X_test = (X_test - mean) / sd

mod = keras.Sequential([keras.Input((13,)), layers.Dense(50), layers.Activation("relu"), layers.Dense(1)])
mod.compile(loss="mse", optimizer=keras.optimizers.RMSprop())
mod.fit(X_train, Y_train, batch_size=32, epochs=200, verbose=0, validation_split=0.1)

if GOOD:
    pred = mod.predict(X_test, verbose=0)
else:
    pred = mod.predict(keras.utils.normalize(X_test), verbose=0)


def relative(p, t):
    return np.std(np.ravel(p) - t) / np.std(t)


print("RESULT %s train=%.3f val=%.3f (sd of the error / sd of the price)" % (
    sys.argv[1], relative(mod.predict(X_train, verbose=0), Y_train), relative(pred, Y_test)))
