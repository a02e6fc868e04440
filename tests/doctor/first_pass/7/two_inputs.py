"""Source: keras-team/keras#112 ("Can't get a simple XOR problem network to work, answer always array([0])"), thread
seen up to the maintainer's second answer.

What the person saw: predict_classes always gives [0], predict_proba always 1.0, with every loss, optimizer and number
of epochs (400, 4000) tried.

CAUSE: the single output unit has softmax, which is 1 whatever comes in.
FIX: sigmoid.
(State of the thread after the first advice, i.e. with thousands of updates, rmsprop and binary_crossentropy. Eight
hidden units and a rate of 0.01 in place of two units, so that the good variant does not depend on the start.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Activation, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)

model = Sequential()
model.add(Input((2,)))
model.add(Dense(8))
model.add(Activation("sigmoid"))
model.add(Dense(1))
model.add(Activation("sigmoid" if GOOD else "softmax"))
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
y = np.array([[0], [1], [1], [0]], "float32")
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(0.01), metrics=["accuracy"])
model.fit(X, y, epochs=400, batch_size=32, verbose=0)
print(model.predict(X, verbose=0).ravel())
acc = model.evaluate(X, y, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy, the same four rows)" % (sys.argv[1], acc, acc))
