"""
SOURCE: BIGBALLON/cifar-10-cnn#17, "i canot get your result"
SAW: a LeNet on 32x32 colour pictures, 10 classes: accuracy 10 % with the per-channel mean/std
preprocessing, over 50 % when the pictures are simply divided by 255.
CAUSE: the loop over the channels indexes the third axis (columns of the picture) instead of the fourth, so
three columns are standardised and everything else stays at 0..255.
FIX: index the last axis, x[:, :, :, i], as the repository itself does (the issue got no reply; the posted code
differs from the repository's in this line).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras import optimizers
from keras.models import Model
from keras.layers import Input, Conv2D, Dense, Flatten, MaxPooling2D
from keras.callbacks import LearningRateScheduler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(17)
rng = np.random.default_rng(17)
num_classes, batch_size, epochs = 10, 64, 10


def tile(k):
    yy, xx = np.mgrid[0:32, 0:32]
    cy, cx = rng.integers(10, 22, 2)
    r = rng.integers(6, 10)
    dy, dx = yy - cy, xx - cx
    shape = [np.hypot(dy, dx) < r,
             (abs(dy) < r) & (abs(dx) < r),
             (abs(dy) < 3) | (abs(dx) < 3),
             abs(dy) + abs(dx) < r,
             (yy // 3) % 2 == 0][k % 5]
    img = rng.uniform(60, 180, 3) + rng.normal(0, 25, (32, 32, 3))
    c = np.array([210.0, 90, 60]) if k < 5 else np.array([70.0, 110, 220])
    img[shape] = c + rng.normal(0, 25, (shape.sum(), 3))
    return np.clip(img, 0, 255)


def make(n):
    y = rng.integers(0, num_classes, n)
    return np.array([tile(k) for k in y]), keras.utils.to_categorical(y, num_classes)


x_train, y_train = make(2000)
x_test, y_test = make(500)
x_train = x_train.astype("float32")
x_test = x_test.astype("float32")

centre = x_train.mean(axis=(0, 1, 2))
spread = x_train.std(axis=(0, 1, 2))
for arr in (x_train, x_test):
    for ch in range(3):
        if GOOD:
            arr[:, :, :, ch] = (arr[:, :, :, ch] - centre[ch]) / spread[ch]
        else:
            arr[:, :, ch] = (arr[:, :, ch] - centre[ch]) / spread[ch]


def lenet():
    he = dict(activation="relu", kernel_initializer="he_normal")
    inp = Input((32, 32, 3))
    z = MaxPooling2D()(Conv2D(6, 5, **he)(inp))
    z = MaxPooling2D()(Conv2D(16, 5, **he)(z))
    z = Flatten()(z)
    for units in (120, 84):
        z = Dense(units, **he)(z)
    net = Model(inp, Dense(num_classes, activation="softmax", kernel_initializer="he_normal")(z))
    net.compile(optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
                "categorical_crossentropy", metrics=["accuracy"])
    return net


rate = LearningRateScheduler(lambda epoch: 0.01 if epoch < 7 else 0.005)
model = lenet()
h = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=2,
              callbacks=[rate], validation_data=(x_test, y_test))
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
