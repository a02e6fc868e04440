"""
Source: keras-team/keras#4066 ("Cifar10 example sometimes only predicts 1 class and does not improve")

Seen: the CIFAR-10 CNN example with SGD(lr=0.01, momentum 0.9, nesterov) gets stuck: one class is predicted for everything, loss 2.30,
accuracy 0.1 for good.

CAUSE: SGD with learning rate 0.01 (and momentum 0.9) does not get this network off the plateau; the step size and optimizer are wrong for it.
FIX: optimizer Adam with its default learning rate (0.001).
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Dropout, Flatten, Dense, Activation

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(41)
rng = np.random.default_rng(41)

nb_classes = 10
proto = rng.uniform(0, 1, size=(nb_classes, 6, 6, 3))


def batch_of_photos(n):
    y = np.arange(n) % nb_classes
    x = np.empty((n, 24, 24, 3), "float32")
    for i, c in enumerate(y):
        img = np.kron(proto[c], np.ones((4, 4, 1)))
        img = np.roll(img, rng.integers(-4, 5, 2), axis=(0, 1))
        if rng.random() < 0.5:
            img = img[:, ::-1]
        x[i] = np.clip(img * 0.5 + 0.25 + rng.normal(0, 0.1, img.shape), 0, 1)
    p = rng.permutation(n)
    return x[p], keras.utils.to_categorical(y[p], nb_classes)


X_train, Y_train = batch_of_photos(1500)
X_test, Y_test = batch_of_photos(300)

model = Sequential()
model.add(Input((24, 24, 3)))
model.add(Conv2D(16, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(Conv2D(16, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(32, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(128))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(nb_classes))
model.add(Activation("softmax"))

if GOOD:
    opt = keras.optimizers.Adam()
else:
    opt = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=opt, metrics=["accuracy"])
model.fit(X_train, Y_train, batch_size=32, epochs=10, validation_data=(X_test, Y_test), shuffle=True, verbose=2)

train = model.evaluate(X_train, Y_train, verbose=0)[1]
val = model.evaluate(X_test, Y_test, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
