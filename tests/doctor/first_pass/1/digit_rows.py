"""
SOURCE: https://datascience.stackexchange.com/questions/38604/too-low-accuracy-on-mnist-dataset-using-a-neural-network
SAW: digits as rows of pixels, one hidden layer: the loss is a large negative number that never changes,
accuracy about 11 %.
CAUSE: ten classes are given to one sigmoid unit with binary cross-entropy and the labels 0..9.
FIX: ten softmax units with categorical cross-entropy (one-hot labels).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from keras.utils import to_categorical
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(38)

X, y = load_digits(return_X_y=True)

model = Sequential()
model.add(Input((64,)))
model.add(Dense(64, activation="relu"))
if GOOD:
    y = to_categorical(y, 10)
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
else:
    model.add(Dense(1, activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

history = model.fit(x=X, y=y, validation_split=0.33, verbose=2, epochs=20)
print("RESULT %s train=%.3f val=%.3f" % (
    sys.argv[1], history.history["accuracy"][-1], history.history["val_accuracy"][-1]))
