"""Where from: https://boohere.com/tr/detail/80265.html (a copy, in many languages, of a Stack
Overflow answer on two Keras models for two classes, one with sigmoid and one with
softmax; the answer was read, the question only as far as the answer repeats it).
scikit-learn's breast cancer table in place of the person's data.

Seen: of two models that differ in the last layer only, the first works and the second
answers "class 0" / the same class for every row and does not get better.

CAUSE: the second model puts a softmax on a single output unit, so it has only one class
to choose from and its output is always 1.
FIX: two output units with softmax, categorical_crossentropy and one-hot labels.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout, Input
from keras.utils import to_categorical
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(1)

X, Y = load_breast_cancer(return_X_y=True)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.25, random_state=1,
                                                    stratify=Y)
scaler = StandardScaler().fit(X_train)
X_train = scaler.transform(X_train)
X_test = scaler.transform(X_test)


def first_model():
    model = Sequential()
    model.add(Input((30,)))
    model.add(Dense(32, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(16, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def second_model():
    model = Sequential()
    model.add(Input((30,)))
    model.add(Dense(32, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(16, activation="relu"))
    if GOOD:
        model.add(Dense(2, activation="softmax"))
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    else:
        model.add(Dense(1, activation="softmax"))
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = second_model()
t_train = to_categorical(Y_train, 2) if GOOD else Y_train
t_test = to_categorical(Y_test, 2) if GOOD else Y_test
model.fit(X_train, t_train, epochs=40, batch_size=16,
          validation_data=(X_test, t_test), verbose=2)

print(model.predict(X_test[:8], verbose=0))
train = model.evaluate(X_train, t_train, verbose=0)[1]
val = model.evaluate(X_test, t_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
