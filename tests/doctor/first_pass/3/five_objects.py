"""
SOURCE: https://github.com/keras-team/keras/issues/8346 ("Weird test accuracy for VGG-like training")

SEEN: a VGG-like network on five classes of pictures, model.fit(..., validation_split=0.2, shuffle=True).
The training accuracy climbs to nearly 1, the validation accuracy is zero in every epoch.

CAUSE: the pictures are stored class after class and validation_split takes the last 20 % before any shuffling,
so that class five is only in the validation part and never in the training part.
FIX: shuffle pictures and labels together by hand before fit().
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

IMG = 32
CLASSES = ["ball", "box", "cross", "ring", "stripes"]
PER_CLASS = 90


def draw(name):
    yy, xx = np.mgrid[0:IMG, 0:IMG]
    cy, cx = rng.uniform(11, 21, 2)
    r = rng.uniform(6, 10)
    d = np.hypot(yy - cy, xx - cx)
    if name == "ball":
        m = d < r
    elif name == "box":
        m = (abs(yy - cy) < r * .8) & (abs(xx - cx) < r * .8)
    elif name == "cross":
        m = ((abs(yy - cy) < 2) | (abs(xx - cx) < 2)) & (d < r * 1.3)
    elif name == "ring":
        m = (d < r) & (d > r - 3)
    else:
        m = ((xx + int(cx)) % 6 < 3) & (d < r * 1.4)
    img = rng.normal(90, 12, (IMG, IMG, 3))
    img[m] += rng.uniform(60, 130)
    return np.clip(img, 0, 255)


# read the pictures
data, labels = [], []
for k, name in enumerate(CLASSES):
    for _ in range(PER_CLASS):
        data.append(draw(name))
        labels.append(k)
data = np.array(data, dtype="float32") / 255.0
labels = keras.utils.to_categorical(np.array(labels), len(CLASSES))

if GOOD:
    order = rng.permutation(len(data))
    data, labels = data[order], labels[order]

model = keras.Sequential([keras.Input((IMG, IMG, 3))])
for filters in (16, 32):
    model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
    model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
    model.add(layers.MaxPooling2D())
model.add(layers.Flatten())
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dropout(0.3))
model.add(layers.Dense(len(CLASSES), activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

h = model.fit(data, labels, batch_size=32, epochs=14, validation_split=0.2, shuffle=True, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
