"""
SOURCE: https://stats.stackexchange.com/revisions/2bda6552-783b-4fb7-ba2b-a03d2266e69b/view-source (an answer)
SAW: 100 rows of three bits, the class is "at least two of them are set"; in cross-validation the network
calls every row positive.
CAUSE: one output unit with softmax always predicts 1.
FIX: sigmoid instead of softmax.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense
from sklearn.model_selection import StratifiedKFold

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(123)
rng = np.random.default_rng(123)

n_cases = 100
X = (rng.random((n_cases, 3)) < np.array([0.85, 0.5, 0.45])).astype("float32")
y = X.sum(axis=1) > 1

votes = np.zeros_like(y)
train_acc = []
for keep, held in StratifiedKFold(2, shuffle=True, random_state=1).split(X, y):
    model = Sequential([
        Dense(10, activation="relu"),
        Dense(1, activation="sigmoid" if GOOD else "softmax"),
    ])
    model.compile(optimizer="rmsprop", loss="binary_crossentropy")
    model.fit(X[keep], y[keep].astype(int), epochs=250, batch_size=10, verbose=0)
    train_acc.append(np.mean((model.predict(X[keep], verbose=0)[:, 0] > 0.5) == y[keep]))
    votes[held] = model.predict(X[held], verbose=0)[:, 0] > 0.5

print("positives: %d, called positive: %d" % (y.sum(), votes.sum()))
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], np.mean(train_acc), np.mean(votes == y)))
