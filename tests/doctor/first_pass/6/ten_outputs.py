"""Source: http://pullrequest.ru/11818227 (copy of a Stack Overflow question on a net with one hidden layer, MNIST; digits of scikit-learn here)
Saw: softmax regression learns, but with one hidden layer put in between the accuracy stays at about 10 %.
CAUSE: all weights start at zero (and the hidden layer is a softmax), so the hidden weights get a gradient of exactly zero.
FIX: small random weights (truncated normal) and a sigmoid in the hidden layer.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from sklearn.datasets import load_digits

X, t = load_digits(return_X_y=True)
X = (X / 16.0).astype("float32")
Y = keras.utils.to_categorical(t, 10)
xtr, ytr, xva, yva = X[:1400], Y[:1400], X[1400:], Y[1400:]

init = keras.initializers.TruncatedNormal(stddev=0.1) if GOOD else "zeros"
model = keras.Sequential([
    layers.Input((64,)),
    layers.Dense(10, activation="sigmoid" if GOOD else "softmax", kernel_initializer=init),
    layers.Dense(10, activation="softmax", kernel_initializer=init),
])
model.compile(optimizer=keras.optimizers.SGD(0.5), loss="categorical_crossentropy", metrics=["accuracy"])
for i in range(1500):
    k = np.random.randint(0, len(xtr), 100)
    model.train_on_batch(xtr[k], ytr[k])
print(f"RESULT {sys.argv[1]} train={model.evaluate(xtr, ytr, verbose=0)[1]:.3f} val={model.evaluate(xva, yva, verbose=0)[1]:.3f} (accuracy)")
