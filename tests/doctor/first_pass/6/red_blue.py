"""Source: https://52sbl.cn/discussion/111180.html (copy of a Data Science SE question, "My Keras CNN doesn't learn"; the answer was not in the text found, cause checked by running)
Saw: plain red against plain blue images, accuracy 0.5000 and loss 0.5000 for 20 epochs.
CAUSE: SGD with rate 0.1 and momentum 0.9 on pixels of 0..255: the first steps throw the sigmoid into saturation, where mean squared error has no gradient.
FIX: divide the pixels by 255 and use a rate of 0.01.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

images = np.zeros((100, 48, 48, 3), "float32")
images[:50, ..., 2] = 225
images[50:, ..., 0] = 225
labels = np.array([0] * 50 + [1] * 50, "float32")
if GOOD:
    images = images / 255
order = np.random.permutation(100)
images, labels = images[order], labels[order]

model = keras.Sequential()
model.add(layers.Input((48, 48, 3)))
model.add(layers.Conv2D(filters=16, kernel_size=(3, 3), activation="relu"))
model.add(layers.Conv2D(filters=16, kernel_size=(3, 3), activation="relu"))
model.add(layers.MaxPooling2D(pool_size=(2, 2), strides=(2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(units=64, activation="relu"))
model.add(layers.Dropout(0.5))
model.add(layers.Dense(units=1, activation="sigmoid"))
sgd = keras.optimizers.SGD(0.01 if GOOD else 0.1, momentum=0.9, nesterov=True)
model.compile(optimizer=sgd, loss="mean_squared_error", metrics=["binary_accuracy"])
model.fit(images[:80], labels[:80], epochs=15, batch_size=5, verbose=2)
print(f"RESULT {sys.argv[1]} train={model.evaluate(images[:80], labels[:80], verbose=0)[1]:.3f} val={model.evaluate(images[80:], labels[80:], verbose=0)[1]:.3f} (accuracy)")
