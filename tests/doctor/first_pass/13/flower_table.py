"""
SOURCE: https://github.com/deeplearning4j/deeplearning4j/issues/1890 ("Score at iteration X is Nan for every iteration if
    any input or output is homogeneous"), excerpt seen: report, two answers and the reporter's explanation.
SEEN: The iris example of DL4J with one column of the table set to one and the same value: the score is NaN in every
    iteration, nothing is learned. If a single cell of the column is changed, training works again.
CAUSE: The example's own normalisation (x - mean) / std divides by the standard deviation of every column; for the
    constant column that is 0 / 0 = NaN in every row, and the NaN inputs make loss and weights NaN in the first step.
FIX: Leave a column with standard deviation 0 undivided (DL4J's NormalizerStandardize guards against it).
"""
import sys

import numpy as np
import keras
from keras import layers, regularizers
from sklearn.datasets import load_iris

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)

features, labels = load_iris(return_X_y=True)
features = features.astype("float64")
features[:, 1] = 3.0
labels = np.eye(3)[labels]

order = rng.permutation(len(features))
features, labels = features[order], labels[order]
n_train = int(0.65 * len(features))
train_x, test_x = features[:n_train], features[n_train:]
train_y, test_y = labels[:n_train], labels[n_train:]

mean = train_x.mean(axis=0)
std = train_x.std(axis=0)
if GOOD:
    std[std == 0] = 1.0
train_x = (train_x - mean) / std
test_x = (test_x - mean) / std

l2 = regularizers.l2(1e-4)
model = keras.Sequential([
    layers.Input((4,)),
    layers.Dense(3, activation="tanh", kernel_regularizer=l2),
    layers.Dense(3, activation="tanh", kernel_regularizer=l2),
    layers.Dense(3, activation="softmax", kernel_regularizer=l2),
])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="categorical_crossentropy", metrics=["accuracy"])

for block in range(10):
    h = model.fit(train_x, train_y, batch_size=n_train, epochs=60, verbose=0)
    print("Score at iteration", 60 * (block + 1), "is", h.history["loss"][-1])

tr = model.evaluate(train_x, train_y, verbose=0)[1]
te = model.evaluate(test_x, test_y, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={te:.3f} (accuracy)")
