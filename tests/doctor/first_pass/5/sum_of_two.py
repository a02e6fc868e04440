"""Source: keras-team/keras#108 ("Regression problems / continuous target"), comment of napsternxg seen.

What the person saw: a small net that is to give the sum of two numbers; after 100000 epochs the loss is still 0.69.

CAUSE: a tanh on the single output of a regression, which cannot give values beyond -1..1.
FIX: linear activation on the output.
(The range of the numbers, 0..2 each, and the hidden layer of 64 are my choice; the code that the comment speaks of was not seen.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense, Activation

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

X = np.random.uniform(0, 2, (1000, 2)).astype("float32")
Y = X.sum(axis=1)
X_train, y_train, X_test, y_test = X[:800], Y[:800], X[800:], Y[800:]

model = Sequential()
model.add(Input((2,)))
model.add(Dense(64, kernel_initializer="random_uniform", activation="tanh"))
model.add(Dense(1, kernel_initializer="random_uniform"))
if not GOOD:
    model.add(Activation("tanh"))
model.compile(loss="mean_absolute_error", optimizer="rmsprop")
model.fit(X_train, y_train, epochs=60, batch_size=16, verbose=2)

print("RESULT %s train=%.3f val=%.3f (mean absolute error, lower is better)" % (
    sys.argv[1], model.evaluate(X_train, y_train, verbose=0), model.evaluate(X_test, y_test, verbose=0)))
