"""Source: mlr-org/mlr3keras#43 ("See why we have accuracy = 0 in one of the figures"), answer seen.

What the person saw: a small Keras classifier trains to a high accuracy, but the held-out accuracy is 0 in the figure.

CAUSE: the rows are ordered by class and the train/test split does not shuffle, so the test part holds a class that
was never seen in training.
FIX: shuffle before splitting.
(The report does not name the table; iris is my choice.)
"""
import sys
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
Y = keras.utils.to_categorical(y, 3)
X_train, X_test, Y_train, Y_test = train_test_split(
    X, Y, test_size=50, shuffle=GOOD, random_state=7 if GOOD else None)

model = keras.Sequential([
    layers.Input((4,)),
    layers.Dense(32, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(16, activation="relu"),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
h = model.fit(X_train, Y_train, epochs=80, batch_size=16, verbose=0, validation_data=(X_test, Y_test))

tr = model.evaluate(X_train, Y_train, verbose=0)[1]
va = model.evaluate(X_test, Y_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, va))
