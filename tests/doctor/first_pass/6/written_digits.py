"""Source: https://www.52zhanxing.com/ask/7399595.html (Chinese forum; MNIST there, digits of scikit-learn enlarged here)
Saw: the textbook CNN for MNIST reaches a very low accuracy only.
CAUSE: Conv2D(32, 3, 3) is kernel 3 and STRIDES 3 in Keras 2 and later, so two such layers leave almost nothing of the picture.
FIX: the kernel size as a tuple, Conv2D(32, (3, 3)).
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

from sklearn.datasets import load_digits

d = load_digits()
X = np.kron(d.images, np.ones((1, 3, 3)))[..., None].astype("float32") / 16.0
Y = keras.utils.to_categorical(d.target, 10)
n_filters = 32
kernel_size = (3, 3)
args = (kernel_size,) if GOOD else (kernel_size[0], kernel_size[1])

model = keras.Sequential()
model.add(layers.Input((24, 24, 1)))
model.add(layers.Conv2D(n_filters, *args, padding="valid"))
model.add(layers.Activation("relu"))
model.add(layers.Conv2D(n_filters, *args))
model.add(layers.Activation("relu"))
model.add(layers.MaxPooling2D(pool_size=(2, 2)))
model.add(layers.Dropout(0.25))
model.add(layers.Flatten())
model.add(layers.Dense(128))
model.add(layers.Activation("relu"))
model.add(layers.Dropout(0.5))
model.add(layers.Dense(10))
model.add(layers.Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adadelta(1.0), metrics=["accuracy"])
model.fit(X[:1400], Y[:1400], batch_size=128, epochs=8, verbose=2, validation_data=(X[1400:], Y[1400:]))
print(f"RESULT {sys.argv[1]} train={model.evaluate(X[:1400], Y[:1400], verbose=0)[1]:.3f} val={model.evaluate(X[1400:], Y[1400:], verbose=0)[1]:.3f} (accuracy)")
