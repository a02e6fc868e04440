"""
SOURCE: GitHub keras-team/keras#4784 ("Accuracy not changing across the epochs"; answer of bstriner, confirmed by KushalDave 2016-12-26)
SAW: 106 columns, labels 0/1, five Dense layers with binary_crossentropy: the accuracy is the same number in all epochs.
CAUSE: the output unit has relu, which does not fit binary_crossentropy (it gives exactly 0, where nothing is learned, or values above 1).
FIX: sigmoid in the output layer.
"""
import sys
import numpy
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from keras.optimizers import SGD

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = numpy.random.RandomState(7)

# table: 106 inputs, last column is the label
n = 3000
A = rng.normal(0, 1, (n, 106))
w = rng.normal(0, 1, 106) * (rng.rand(106) < 0.2)
s = A @ w + 0.8 * A[:, 0] * A[:, 1]
label = (s > numpy.median(s)).astype(float)
dataset = numpy.c_[A, label]
X, Y = dataset[:2400, 0:106], dataset[:2400, 106]
Xv, Yv = dataset[2400:, 0:106], dataset[2400:, 106]

model = Sequential()
model.add(Input((106,)))
model.add(Dense(64, activation="relu"))
model.add(Dense(32, activation="tanh"))
model.add(Dense(12, activation="relu"))
model.add(Dense(8, activation="sigmoid"))
if GOOD:
    model.add(Dense(1, activation="sigmoid"))
else:
    model.add(Dense(1, activation="relu"))

optimizer = SGD(learning_rate=0.05, momentum=0.4)
model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
model.fit(X, Y, epochs=60, batch_size=30, verbose=0)

scores = model.evaluate(X, Y, verbose=0)
print("%s: %.2f%%" % (model.metrics_names[1], scores[1] * 100))
val = model.evaluate(Xv, Yv, verbose=0)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], scores[1], val[1]))
