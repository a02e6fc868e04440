"""
SOURCE: https://newbedev.com/cnn-with-keras-accuracy-not-improving (copy of a Stack Overflow question and
its answer, "CNN with keras, accuracy not improving").
SAW: a cats-and-dogs style CNN, changed to three folders of pictures; accuracy stays near 0.33 and the
loss does not get anywhere, whatever the number of epochs.
CAUSE: the network ends in one sigmoid unit trained with binary cross-entropy on labels 0, 1, 2, so a
three-class problem is treated as a two-class one.
FIX: three softmax units, categorical_crossentropy, and class_mode='categorical' in the generators.
"""
import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Dropout, Flatten, Dense
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)

img_width, img_height = 40, 40


def draw(kind):
    img = rng.uniform(90, 170, 3)[None, None, :] + rng.normal(0, 18, (img_height, img_width, 3))
    yy, xx = np.mgrid[0:img_height, 0:img_width]
    cy, cx = rng.integers(14, 26, 2)
    r = rng.integers(8, 12)
    colour = rng.uniform(0, 255, 3)
    if kind == "rock":
        m = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
    elif kind == "paper":
        m = (abs(yy - cy) < r) & (abs(xx - cx) < r)
    else:
        m = ((abs((yy - cy) - (xx - cx)) < 3) | (abs((yy - cy) + (xx - cx)) < 3)) & (abs(yy - cy) < r + 2)
    img[m] = colour + rng.normal(0, 12, (m.sum(), 3))
    return np.clip(img, 0, 255)


root = tempfile.mkdtemp()
train_data_dir = os.path.join(root, "train")
validation_data_dir = os.path.join(root, "validation")
for folder, n in ((train_data_dir, 240), (validation_data_dir, 60)):
    for kind in ("paper", "rock", "scissors"):
        os.makedirs(os.path.join(folder, kind))
        for i in range(n):
            keras.utils.save_img(os.path.join(folder, kind, "%03d.png" % i), draw(kind), scale=False)

mode = "categorical" if GOOD else "binary"
flow = dict(target_size=(img_width, img_height), batch_size=16, class_mode=mode)
train_pics = ImageDataGenerator(rescale=1 / 255.0, horizontal_flip=True).flow_from_directory(train_data_dir, **flow)
val_pics = ImageDataGenerator(rescale=1 / 255.0).flow_from_directory(validation_data_dir, **flow)

model = Sequential([Input((img_width, img_height, 3))])
for filters in (32, 32, 64):
    model.add(Conv2D(filters, 3, activation="relu"))
    model.add(MaxPooling2D())
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.5))
if GOOD:
    model.add(Dense(3, activation="softmax"))
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
else:
    model.add(Dense(1, activation="sigmoid"))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])

h = model.fit(train_pics, epochs=15, validation_data=val_pics, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
