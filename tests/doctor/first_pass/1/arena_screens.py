"""
SOURCE: keras-team/keras#255, "model doesn't learn/weights don't get updated"
SAW: two classes of screenshots of a 3D game (another player in view or not), about 500 of each; the loss
sits at one value and the accuracy at exactly 0.5, batch after batch.
CAUSE: the pictures were scaled to [0, 1] in an integer array, so every pixel became 0.
FIX: a float array for the scaled pictures.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Dropout, Flatten, Dense
from keras.optimizers import SGD

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(13)
rng = np.random.default_rng(13)
H, W = 36, 48


def screenshot(other):
    img = np.zeros((H, W, 3))
    horizon = rng.integers(12, 20)
    img[:horizon] = [110, 150, 210]
    img[horizon:] = [90, 110, 70]
    for _ in range(4):
        x, h = rng.integers(0, W - 8), rng.integers(4, 10)
        img[horizon - h:horizon, x:x + rng.integers(4, 9)] = rng.uniform(60, 160)
    img[H - 8:, W // 2 - 4:W // 2 + 4] = [180, 140, 110]
    if other:
        x, y = rng.integers(4, W - 8), horizon - rng.integers(0, 4)
        img[y:y + 9, x:x + 4] = [200, 40, 40]
        img[y - 3:y, x:x + 4] = [220, 180, 150]
    return np.clip(img + rng.normal(0, 10, img.shape), 0, 254).astype("uint8")


def load_screens(n):
    images = np.zeros((n, H, W, 3), dtype="float32" if GOOD else int)
    labels = np.zeros((n, 2))
    for i in range(n):
        k = i % 2
        images[i] = screenshot(k == 0) / 255.0
        labels[i, k] = 1
    return images, labels


X, y = load_screens(600)
X_val, y_val = load_screens(200)

model = Sequential()
model.add(Input((H, W, 3)))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(32, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(2, activation="softmax"))
model.compile(loss="categorical_crossentropy",
              optimizer=SGD(learning_rate=0.02, momentum=0.9, nesterov=True), metrics=["accuracy"])

for epoch in range(12):
    order = np.random.permutation(len(X))
    for s in range(0, len(X), 32):
        b = order[s:s + 32]
        logs = model.train_on_batch(X[b], y[b])
    print("epoch", epoch, "last batch loss %.4f acc %.3f" % (float(logs[0]), float(logs[1])))

tr = model.evaluate(X, y, verbose=0)
va = model.evaluate(X_val, y_val, verbose=0)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], tr[1], va[1]))
