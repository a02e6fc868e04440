"""
SOURCE: keras-team/keras#4243 ("With "tf" dimension ordering no learning improvement"; the
    reason is spelled out in keras-team/keras#4895, the same symptom in #3959, #3956, #3769).
SAW: The CIFAR10 example in the "tf" ordering (rows, columns, channels) does not learn: the
    accuracy stays at 0.1 with SGD, epoch after epoch, although the pictures have the right shape.
CAUSE: The Glorot initialiser takes the fan-in and fan-out from the wrong axes of a kernel of
    shape (rows, columns, in, out), so that the weights start several times too small and the
    signal dies out over the layers.
FIX: kernel_initializer='he_normal' (it takes the right axes).
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Activation, Dropout, Flatten, Dense
from keras.optimizers import SGD
from keras.utils import to_categorical

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

nb_classes = 10
batch_size = 32
nb_epoch = 9
size = 24


def load_pictures(n, rng):
    yy, xx = np.mgrid[0:size, 0:size].astype("float32") / size
    labels = rng.integers(0, nb_classes, n)
    images = np.zeros((n, size, size, 3), "float32")
    for i, k in enumerate(labels):
        angle = np.pi * k / nb_classes + rng.normal(0, 0.05)
        waves = (3 + 2 * (k % 3)) * rng.uniform(0.9, 1.1)
        phase = rng.uniform(0, 2 * np.pi)
        bands = np.sin(2 * np.pi * waves * (xx * np.cos(angle) + yy * np.sin(angle)) + phase)
        paint = rng.uniform(0.2, 0.6, 3)
        images[i] = 0.5 + 0.5 * bands[..., None] * paint
    images += rng.normal(0, 0.08, images.shape)
    return (np.clip(images, 0, 1) * 255).astype("uint8"), labels


def glorot_uniform(shape, dtype=None):
    receptive_field_size = np.prod(shape[2:]) if len(shape) == 4 else 1
    fan_in = shape[1] * receptive_field_size if len(shape) == 4 else shape[0]
    fan_out = shape[0] * receptive_field_size if len(shape) == 4 else shape[1]
    s = float(np.sqrt(6. / (fan_in + fan_out)))
    return keras.random.uniform(shape, -s, s, dtype=dtype)


init = "he_normal" if GOOD else glorot_uniform

rng = np.random.default_rng(0)
X_train, y_train = load_pictures(1600, rng)
X_test, y_test = load_pictures(400, rng)
X_train = X_train.astype("float32") / 255
X_test = X_test.astype("float32") / 255
Y_train = to_categorical(y_train, nb_classes)
Y_test = to_categorical(y_test, nb_classes)
print("X_train shape:", X_train.shape)

model = Sequential()
model.add(Input((size, size, 3)))
model.add(Conv2D(16, (3, 3), padding="same", kernel_initializer=init))
model.add(Activation("relu"))
model.add(Conv2D(16, (3, 3), kernel_initializer=init))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))

model.add(Conv2D(32, (3, 3), padding="same", kernel_initializer=init))
model.add(Activation("relu"))
model.add(Conv2D(32, (3, 3), kernel_initializer=init))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))

model.add(Flatten())
model.add(Dense(128, kernel_initializer=init))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(nb_classes, kernel_initializer=init))
model.add(Activation("softmax"))

sgd = SGD(learning_rate=0.01, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(X_train, Y_train, batch_size=batch_size, epochs=nb_epoch,
          validation_data=(X_test, Y_test), shuffle=True, verbose=2)

tr = model.evaluate(X_train, Y_train, verbose=0)[1]
te = model.evaluate(X_test, Y_test, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={te:.3f} (accuracy, 10 classes)")
