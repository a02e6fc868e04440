"""Source: http://pullrequest.ru/9781727 (copy of a Stack Overflow question on the choice of the loss; 70000 pictures there)
Saw: with binary_crossentropy the accuracy shown is high, yet the classes given are poor.
CAUSE: a problem of several exclusive classes is trained as many two-class ones (sigmoid, binary_crossentropy) and plain SGD stays at "no" for every class.
FIX: softmax with categorical_crossentropy.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from sklearn.datasets import load_digits

d = load_digits()
X = np.kron(d.images, np.ones((1, 2, 2)))[..., None].astype("float32") / 16.0
Y = keras.utils.to_categorical(d.target, 10)

model = keras.Sequential()
model.add(layers.Input((16, 16, 1)))
model.add(layers.Conv2D(16, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(256, activation="relu"))
model.add(layers.Dense(10, activation="softmax" if GOOD else "sigmoid"))
model.compile(loss="categorical_crossentropy" if GOOD else "binary_crossentropy",
              optimizer=keras.optimizers.SGD(0.01), metrics=["accuracy" if GOOD else "binary_accuracy"])
model.fit(X[:1400], Y[:1400], batch_size=32, epochs=8, validation_data=(X[1400:], Y[1400:]), verbose=2)

def right(X, t):
    return float(np.mean(model.predict(X, verbose=0).argmax(1) == t))

print(f"RESULT {sys.argv[1]} train={right(X[:1400], d.target[:1400]):.3f} val={right(X[1400:], d.target[1400:]):.3f} (class given = class)")
