"""Source: http://pullrequest.ru/8552344 (Russian copy of a Stack Overflow question, "build a model with a boolean array as
input"; the answer and the code repeated in it were seen).
Seen: the model is trained on 2000 right rows of 100 flags; every prediction is 1, also for rows that are wrong.
CAUSE: all training labels are 1 (only right rows are in the training data), so the net has nothing to tell apart and learns
to say 1.
FIX: put wrong rows with the label 0 into the training data. (The answer names the cause, "you cannot expect that the model
predicts those as wrong data"; the change follows from it. Here a row is right if it is
near one of a few patterns.)"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

# a fixed pattern of on and off for each of a few kinds of machines, with some flags that flicker
kinds = rng.integers(0, 2, (4, 100))


def right_rows(n):
    rows = kinds[rng.integers(0, 4, n)].copy()
    flip = rng.random(rows.shape) < 0.1
    return np.where(flip, 1 - rows, rows)


def wrong_rows(n):
    return (rng.random((n, 100)) < rng.random((n, 1))).astype(int)


if GOOD:
    train_data = np.concatenate([right_rows(1000), wrong_rows(1000)])
    train_labels = np.array([1] * 1000 + [0] * 1000)
else:
    train_data = right_rows(2000)
    train_labels = np.array([1] * 2000)

model = keras.Sequential([
    keras.Input((100,)),
    layers.Dense(64, activation="relu"),
    layers.Dense(32, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(train_data.astype("float32"), train_labels, epochs=15, batch_size=32, verbose=2)

check_data = np.concatenate([right_rows(300), wrong_rows(300)]).astype("float32")
check_labels = np.array([1] * 300 + [0] * 300)
print(np.round(model.predict(check_data[295:305], verbose=0)[:, 0], 3))
acc = lambda a, b: model.evaluate(a, b, verbose=0)[1]
print("RESULT", sys.argv[1], "train=%.3f val=%.3f (accuracy; val: half of the rows are wrong ones)"
      % (acc(train_data.astype("float32"), train_labels), acc(check_data, check_labels)))
