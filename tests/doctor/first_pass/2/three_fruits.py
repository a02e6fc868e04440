"""
Source: https://python.19633.com/no/python-tag-8/Keras-8/1008050775.html (mirror of a Stack Overflow answer, Keras blog CNN on three classes)

Seen: the small CNN of the Keras blog, written for cats and dogs, trained on pictures of three classes; the loss runs away below
zero and the accuracy stays at about one third.

CAUSE: one sigmoid output with binary_crossentropy and class numbers 0, 1, 2 as labels; this can only tell two classes apart.
FIX: Dense(3) with softmax, categorical_crossentropy and one-hot labels (class_mode='categorical').
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Activation, Dropout, Flatten, Dense
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(30)
rng = np.random.default_rng(30)

img_width, img_height = 36, 36
yy, xx = np.mgrid[0:img_height, 0:img_width]


def fruit(c):
    cy, cx = rng.uniform(13, 23, 2)
    if c == 0:      # round
        r = rng.uniform(7, 11)
        mask = (yy - cy) ** 2 + (xx - cx) ** 2 < r ** 2
    elif c == 1:    # long
        a = rng.uniform(0, np.pi)
        u = (yy - cy) * np.sin(a) + (xx - cx) * np.cos(a)
        v = -(yy - cy) * np.cos(a) + (xx - cx) * np.sin(a)
        mask = (u / 13) ** 2 + (v / 4) ** 2 < 1
    else:           # a bunch
        mask = np.zeros_like(yy, bool)
        for _ in range(7):
            by, bx = cy + rng.uniform(-8, 8), cx + rng.uniform(-8, 8)
            mask |= (yy - by) ** 2 + (xx - bx) ** 2 < 8
    img = rng.uniform(150, 230, 3) + rng.normal(0, 12, (img_height, img_width, 3))
    img[mask] = rng.uniform(20, 140, 3) + rng.normal(0, 12, (int(mask.sum()), 3))
    return np.clip(img, 0, 255)


def folder(n):
    y = np.arange(n) % 3
    return np.array([fruit(c) for c in y], dtype="float32"), y.astype("float32")


x_train, y_train = folder(900)
x_val, y_val = folder(240)
if GOOD:
    y_train = keras.utils.to_categorical(y_train, 3)
    y_val = keras.utils.to_categorical(y_val, 3)

model = Sequential()
model.add(Input((img_height, img_width, 3)))
model.add(Conv2D(16, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Conv2D(16, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(64))
model.add(Activation("relu"))
model.add(Dropout(0.5))
if GOOD:
    model.add(Dense(3))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
else:
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

train_datagen = ImageDataGenerator(rescale=1.0 / 255, horizontal_flip=True)
test_datagen = ImageDataGenerator(rescale=1.0 / 255)
train_generator = train_datagen.flow(x_train, y_train, batch_size=16)
validation_generator = test_datagen.flow(x_val, y_val, batch_size=16, shuffle=False)

h = model.fit(train_generator, epochs=12, validation_data=validation_generator, verbose=2).history
print(f"RESULT {sys.argv[1]} train={h['accuracy'][-1]:.3f} val={h['val_accuracy'][-1]:.3f} (accuracy)")
