"""
SOURCE: https://github.com/keras-team/keras/issues/8837 ("Fit_generator: Trained model not usable for predictions")

SEEN: the cifar10 example with BatchNormalization layers added, trained with a batch size of 1 and validated on the
same data: accuracy 0.88 in training, 0.54 in validation (loss 0.86 against 4.7), however long it is trained; predict
is not usable. With a batch size of 32 the two agree.

CAUSE: with one picture per batch BatchNormalization normalises every picture with its own mean and variance, which
the moving averages used in validation and predict do not stand for.
FIX: a batch size of 32.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, BatchNormalization, Activation, MaxPooling2D, Flatten, Dense

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(13)
rng = np.random.default_rng(13)

NUM_CLASSES, S = 10, 16
batch_size = 32 if GOOD else 1
epochs = 8

patterns = rng.normal(0, 1, (NUM_CLASSES, 8, 8, 3)).repeat(2, axis=1).repeat(2, axis=2)


def crops(n):
    y = rng.integers(0, NUM_CLASSES, n)
    light = rng.uniform(0.1, 0.9, (n, 1, 1, 3))
    contrast = rng.uniform(0.02, 0.12, (n, 1, 1, 1))
    x = light + contrast * (patterns[y] + rng.normal(0, 0.6, (n, S, S, 3)))
    return np.clip(x, 0, 1).astype("float32"), keras.utils.to_categorical(y, NUM_CLASSES)


x_train, y_train = crops(480)


def generator(x, y, shuffle):
    while True:
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        for b in range(0, len(x) - batch_size + 1, batch_size):
            idx = order[b:b + batch_size]
            yield x[idx], y[idx]


model = Sequential([
    Input((S, S, 3)),
    Conv2D(16, 3, padding="same"), BatchNormalization(momentum=0.9), Activation("relu"),
    Conv2D(16, 3), BatchNormalization(momentum=0.9), Activation("relu"),
    MaxPooling2D(),
    Conv2D(32, 3, padding="same"), BatchNormalization(momentum=0.9), Activation("relu"),
    MaxPooling2D(),
    Flatten(),
    Dense(64, activation="relu"),
    Dense(NUM_CLASSES, activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(1e-3), metrics=["accuracy"])
h = model.fit(generator(x_train, y_train, True), steps_per_epoch=len(x_train) // batch_size, epochs=epochs,
              validation_data=(x_train, y_train), validation_batch_size=50, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
