"""Source: http://pullrequest.ru/14126136 (copy of a Stack Overflow question, "custom loss function for predicting integer outputs"), answer seen (the question only by its title).

What the person saw: a net with one output, mse and SGD(0.001) that shall give an integer from 1 to N; the rounded
outputs are mostly wrong, and he looks for another loss that makes them integers.

CAUSE: the outputs are classes, and mse on one unit treats them as a regression.
FIX: Dense(N, softmax) with sparse_categorical_crossentropy on labels - 1, argmax + 1 for the prediction.
(The data, sklearn's digits as level 1..10, are my choice.)
"""
import sys
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from keras.optimizers import SGD

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)

N = 10
data = load_digits()
X = data.data.astype("float32")
y = data.target + 1
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)

model = Sequential()
model.add(Input((64,)))
model.add(Dense(64, activation="relu"))
model.add(Dense(64, activation="relu"))
if GOOD:
    model.add(Dense(N, activation="softmax"))
    model.compile(optimizer=SGD(0.001), loss="sparse_categorical_crossentropy")
    t_train, t_test = y_train - 1, y_test - 1
else:
    model.add(Dense(1))
    model.compile(optimizer=SGD(0.001), loss="mse")
    t_train, t_test = y_train.astype("float32"), y_test.astype("float32")

model.fit(X_train, t_train, epochs=60, batch_size=32, verbose=0)


def share_right(a, b):
    p = model.predict(a, verbose=0)
    p = np.argmax(p, axis=1) + 1 if GOOD else np.rint(p[:, 0])
    return np.mean(p == b)


print("RESULT %s train=%.3f val=%.3f (share of exact integers)"
      % (sys.argv[1], share_right(X_train, y_train), share_right(X_test, y_test)))
