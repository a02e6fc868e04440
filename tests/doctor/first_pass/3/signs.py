"""
SOURCE: http://pullrequest.ru/10248037/cnn-keras-shodyatsya-odnomu-tomu-zhe-znacheniy-nezavisimo-vvoda (Russian copy of the
Stack Overflow question "CNN Keras converges to the same value regardless of input")

SEEN: a small convolutional network on pictures; after some batches it gives the same output whatever the input is.

CAUSE: the pictures are not normalised, x_train holds values from 0 to 255; the updates get so large that the training stalls.
FIX: x_train = x_train.astype('float32') / 255, the same for x_test.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Flatten, Dense

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(15)
rng = np.random.default_rng(15)
S, num_classes = 24, 5


def sign(k):
    yy, xx = np.mgrid[0:S, 0:S]
    cy, cx = rng.integers(10, 14, 2)
    d = [np.hypot(yy - cy, xx - cx), np.maximum(abs(yy - cy), abs(xx - cx)), abs(yy - cy) + abs(xx - cx),
         abs(yy - cy) * 2.5 + 0 * xx, abs(xx - cx) * 2.5 + 0 * yy][k]
    img = np.full((S, S, 3), rng.integers(60, 160), float)
    img[d < rng.integers(7, 10)] = rng.integers(150, 255, 3)
    return np.clip(img + rng.normal(0, 12, img.shape), 0, 255).astype("uint8")


def dataset(n):
    y = rng.integers(0, num_classes, n)
    return np.stack([sign(k) for k in y]), keras.utils.to_categorical(y, num_classes)


x_train, y_train = dataset(900)
x_test, y_test = dataset(200)
if GOOD:
    x_train = x_train.astype("float32") / 255
    x_test = x_test.astype("float32") / 255

model = Sequential()
model.add(Input((S, S, 3)))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(32, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dense(num_classes, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.SGD(0.02, momentum=0.9), metrics=["accuracy"])
h = model.fit(x_train, y_train, batch_size=32, epochs=12, validation_data=(x_test, y_test), verbose=2)
print(model.predict(x_test[:5], verbose=0).round(3))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
