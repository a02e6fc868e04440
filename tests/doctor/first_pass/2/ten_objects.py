"""
Source: https://m.imooc.com/wenda/detail/614880 and http://pullrequest.ru/10248037 (mirrors of a Stack Overflow question,
"CNNs in Keras converge to the same value regardless of the input")

Seen: a CNN on CIFAR-10 style colour pictures returns the same result for every picture, accuracy stays at 10 %.

CAUSE: the pictures are not normalised (values 0..255), the gradient updates are far too large and training stalls.
FIX: x.astype('float32') / 255 for the training and the test pictures.
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Flatten, Dense, Activation
from keras.optimizers import SGD

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(17)

rng = np.random.default_rng(17)
centers = rng.integers(0, 256, size=(10, 4, 4, 3))


def load(n):
    y = rng.integers(0, 10, n)
    x = np.empty((n, 32, 32, 3))
    for i, c in enumerate(y):
        img = np.kron(centers[c], np.ones((8, 8, 1)))
        img = np.roll(img, rng.integers(-4, 5, 2), axis=(0, 1))
        x[i] = img * rng.uniform(0.7, 1.0) + rng.normal(0, 35, img.shape)
    return np.clip(x, 0, 255).astype("uint8"), y.reshape(-1, 1)


x_train, y_train = load(1200)
x_test, y_test = load(300)
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test, 10)

x_train = x_train.astype("float32")
x_test = x_test.astype("float32")
if GOOD:
    x_train = x_train / 255
    x_test = x_test / 255

model = Sequential()
model.add(Input((32, 32, 3)))
model.add(Conv2D(16, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(32, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(64))
model.add(Activation("relu"))
model.add(Dense(10))
model.add(Activation("softmax"))

sgd = SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=8, validation_data=(x_test, y_test), verbose=2)

print(model.predict(x_test[:4], verbose=0).round(3))
train = model.evaluate(x_train, y_train, verbose=0)[1]
val = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
