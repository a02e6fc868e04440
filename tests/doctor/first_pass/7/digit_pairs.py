"""Source: cerndb/dist-keras#9 ("accuracy never change"), the reporter's own solution seen.

What the person saw: an LSTM on MNIST pictures of two kinds; all predictions are 0.519 whatever the picture, the
accuracy never changes.

CAUSE: each picture is one long sequence of single pixels (784 steps of 1 value); over so many steps the LSTM learns
nothing in the given time.
FIX: give it the rows, (28, 28).
(Digits 4 and 9 of scikit-learn, enlarged and with the empty margin of MNIST, 28 x 28; plain Keras with Adagrad 0.02.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import LSTM, Dense, Dropout, Activation, Input
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(10)

d = load_digits()
keep = (d.target == 4) | (d.target == 9)
images = np.kron(d.images[keep], np.ones((2, 2))) / 16.0
images = np.pad(images, ((0, 0), (6, 6), (6, 6)))
label = (d.target[keep] == 9).astype("float32")
perm = np.random.permutation(len(label))
features_dense, label = images.reshape(len(label), -1)[perm].astype("float32"), label[perm]

shape = (28, 28) if GOOD else (784, 1)
matrix = features_dense.reshape((-1,) + shape)
x_train, x_test, y_train, y_test = matrix[:280], matrix[280:], label[:280], label[280:]

model1 = Sequential()
model1.add(Input(shape))
model1.add(LSTM(64))
model1.add(Dropout(0.5))
model1.add(Dense(1))
model1.add(Activation("sigmoid"))
model1.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adagrad(0.02), metrics=["accuracy"])
model1.fit(x_train, y_train, batch_size=32, epochs=9, validation_data=(x_test, y_test), verbose=2)
print(model1.predict(x_test[:10], verbose=0).ravel())
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model1.evaluate(x_train, y_train, verbose=0)[1], model1.evaluate(x_test, y_test, verbose=0)[1]))
