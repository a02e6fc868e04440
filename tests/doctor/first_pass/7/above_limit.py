"""Source: https://geeksmental.com/question/why-does-accuracy-remain-the-same (copy of a Data Science SE question; also
52sbl.cn/discussion/112716.html). The answer was not in the text found, cause checked by running.

What the person saw: first model of his own, it is to say whether a number lies above 50000; accuracy always about 0.5,
the loss stands at 7 to 8.

CAUSE: the output unit has relu under binary_crossentropy, and the input is up to 100000, so the output is either 0 or
far above 1, where the loss has no gradient.
FIX: sigmoid on the output unit and the number divided by 100000.
(The training rate is 0.01 instead of 0.001 and batches are of 20 instead of 5 to keep the run short.)
"""
import sys
import random
import numpy as np
import keras
from keras import Sequential
from keras.layers import Dense, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(15)

limit = 50000
pairs = []
for i in range(2000):
    pairs.append([random.randrange(0, limit), 0])
    pairs.append([random.randrange(limit, 2 * limit), 1])
random.shuffle(pairs)
pairs = np.array(pairs, "float32")
value, above = pairs[:, 0:1], pairs[:, 1]
if GOOD:
    value = value / 100000

model = Sequential()
model.add(Input((1,)))
model.add(Dense(3, activation="relu"))
model.add(Dense(5, activation="relu"))
model.add(Dense(1, activation="sigmoid" if GOOD else "relu"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
model.fit(value[:3200], above[:3200], epochs=15, batch_size=20, verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(value[:3200], above[:3200], verbose=0)[1],
    model.evaluate(value[3200:], above[3200:], verbose=0)[1]))
