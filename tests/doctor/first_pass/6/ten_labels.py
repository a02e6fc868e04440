"""Source: https://blog.youkuaiyun.com/u014418725/article/details/92830605 (Chinese blog, own case; 498 samples, 10 labels)
Saw: training is fine, but val_categorical_accuracy is 0.0000e+00 in every epoch.
CAUSE: the samples lie in the order of their labels and validation_split takes the last 20 %, whose labels do not occur in the training part.
FIX: shuffle samples and labels together before fit.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from sklearn.datasets import load_digits

d = load_digits()
pick = np.concatenate([np.where(d.target == k)[0][:50] for k in range(10)])[:498]
X = (d.images[pick] / 16.0)[..., None].astype("float32")
Y = keras.utils.to_categorical(d.target[pick], 10)
if GOOD:
    order = np.random.permutation(len(X))
    X, Y = X[order], Y[order]

model = keras.Sequential([
    layers.Input((8, 8, 1)),
    layers.Conv2D(16, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", padding="same"),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["categorical_accuracy"])
h = model.fit(X, Y, batch_size=16, epochs=15, validation_split=0.2, verbose=2).history
print(f"RESULT {sys.argv[1]} train={h['categorical_accuracy'][-1]:.3f} val={h['val_categorical_accuracy'][-1]:.3f} (accuracy)")
