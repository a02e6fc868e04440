"""Source: keras-team/keras#2975 ("Keras model always predicts same output class"), comment of gdrubich (2018-06-26, "try
using StandardScaler ... I had this issue yesterday").

What the person saw: a classifier for a table always predicts the same class.

CAUSE: the columns are not standardised; some are in the thousands, others below 1.
FIX: StandardScaler on the columns.
(Wine table of scikit-learn with its alcohol .. proline columns; the net is mine, the comment has no code.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(17)

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=1, stratify=y)
if GOOD:
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
Y_train = keras.utils.to_categorical(y_train, 3)
Y_test = keras.utils.to_categorical(y_test, 3)

model = Sequential()
model.add(Input((13,)))
model.add(Dense(32, activation="relu"))
model.add(Dense(16, activation="relu"))
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.SGD(0.01, momentum=0.9), metrics=["accuracy"])
model.fit(X_train, Y_train, epochs=60, batch_size=16, validation_data=(X_test, Y_test), verbose=2)
print("classes predicted:", np.unique(model.predict(X_test, verbose=0).argmax(1), return_counts=True))
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(X_train, Y_train, verbose=0)[1], model.evaluate(X_test, Y_test, verbose=0)[1]))
