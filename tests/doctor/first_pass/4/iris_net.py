"""
SOURCE: GitHub keras-team/keras#508 ("Keras model not converging on IRIS dataset"; own answer of napsternxg, 2015-08-08)
SAW: iris, 4-10-10-3 tanh network with dropout 0.5 and SGD(0.1, momentum 0.9): the accuracy stays low, the loss does not go down.
CAUSE: the features are not scaled.
FIX: scale the features (sklearn scaler); the reporter then got about 95 %.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout, Input
from keras.optimizers import SGD
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(42)

iris = load_iris()
X, y = iris.data, keras.utils.to_categorical(iris.target)
if GOOD:
    X = StandardScaler().fit_transform(X)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.20, random_state=42)

model = Sequential()
model.add(Input((X.shape[1],)))
model.add(Dense(10, kernel_initializer="random_uniform", activation="tanh"))
model.add(Dropout(0.5))
model.add(Dense(10, kernel_initializer="random_uniform", activation="tanh"))
model.add(Dropout(0.5))
model.add(Dense(y.shape[1], kernel_initializer="random_uniform", activation="softmax"))

sgd = SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(X_train, y_train, epochs=30, batch_size=16, verbose=2)
tr = model.evaluate(X_train, y_train, verbose=0)[1]
te = model.evaluate(X_test, y_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, te))
