"""
SOURCE: https://stats.stackexchange.com/questions/433365/xor-with-neural-network
SAW: a small network for XOR, trained with mean squared error on thousands of repeated rows, is stuck at a
loss of 0.5.
CAUSE: the output unit is a relu (with mean squared error) that is dead and always gives 0, and the first
layer has no activation; XOR is a two-class problem.
FIX: relu in the first layer, sigmoid output with binary_crossentropy, more epochs.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

x = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 2000, axis=0)
np.random.shuffle(x)
y = np.logical_xor(x[:, 0], x[:, 1]).astype(int)

x_train, y_train = x[:6000], y[:6000]
x_test, y_test = x[6000:], y[6000:]

if GOOD:
    model = keras.models.Sequential([
        keras.layers.Input((2,)),
        keras.layers.Dense(2, activation="relu"),
        keras.layers.Dense(2, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(optimizer="SGD", loss="binary_crossentropy")
    epochs = 60
else:
    model = keras.models.Sequential([
        keras.layers.Input((2,)),
        keras.layers.Dense(2),
        keras.layers.Dense(2, activation="relu"),
        keras.layers.Dense(1, activation="relu"),
    ])
    model.compile(optimizer="SGD", loss="mean_squared_error")
    epochs = 5

model.fit(x_train, y_train, epochs=epochs, verbose=2)
print("loss on the test rows", model.evaluate(x_test, y_test, verbose=0))


def acc(a, b):
    return np.mean((model.predict(a, verbose=0)[:, 0] > 0.5) == b)


print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], acc(x_train, y_train), acc(x_test, y_test)))
