"""
SOURCE: https://github.com/keras-team/keras/issues/255 ("model doesn't learn/weights don't get updated")

SEEN: about 1000 screenshots of a 3D game, two classes (another player in view / nobody in view),
500 per class. The loss does not move from batch to batch and the accuracy is exactly 0.5 in every
epoch, although the cifar10 example works on the same machine.

CAUSE: the pixels are scaled to [0, 1] but written into an array of integer type, so that every pixel is cut to 0.
FIX: allocate the image array as float32, so that the scaled values survive.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Flatten, Dense, Dropout

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)
SIZE = 40


def screenshot(enemy):
    """one frame: sky, floor, the own weapon at the bottom, maybe a second figure"""
    img = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    horizon = rng.integers(14, 22)
    img[:horizon] = rng.integers(90, 170, 3)
    img[horizon:] = rng.integers(40, 110, 3)
    img[SIZE - 8:, 16:24] = (70, 70, 75)
    if enemy:
        x, y = rng.integers(3, 33), rng.integers(8, 22)
        img[y:y + 9, x:x + 4] = (200, 40, 35)
        img[y - 3:y, x:x + 3] = (225, 180, 150)
    noise = rng.integers(-12, 13, img.shape)
    return np.clip(img.astype(int) + noise, 0, 240)


def load(n):
    if GOOD:
        X = np.zeros((n, SIZE, SIZE, 3), dtype="float32")
    else:
        X = np.zeros((n, SIZE, SIZE, 3), dtype="int")
    Y = np.zeros((n, 2), dtype="float32")
    for i in range(n):
        c = i % 2
        X[i] = screenshot(c == 0) / 255.0
        Y[i, c] = 1
    return X, Y


X_train, Y_train = load(800)
X_test, Y_test = load(200)
print("train", X_train.shape, "test", X_test.shape)

model = Sequential([
    Input((SIZE, SIZE, 3)),
    Conv2D(16, 3, padding="same", activation="relu"),
    Conv2D(16, 3, activation="relu"),
    MaxPooling2D(2),
    Dropout(0.25),
    Conv2D(32, 3, activation="relu"),
    MaxPooling2D(2),
    Flatten(),
    Dense(64, activation="relu"),
    Dropout(0.5),
    Dense(2, activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(1e-3), metrics=["accuracy"])

batch_size = 32
for epoch in range(8):
    model.reset_metrics()
    for b in range(0, len(X_train), batch_size):
        loss, acc = model.train_on_batch(X_train[b:b + batch_size], Y_train[b:b + batch_size])
    print("epoch %d  loss %.4f  acc %.4f" % (epoch + 1, loss, acc))

train_acc = model.evaluate(X_train, Y_train, verbose=0)[1]
test_acc = model.evaluate(X_test, Y_test, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train_acc, test_acc))
