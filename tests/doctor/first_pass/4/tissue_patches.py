"""
SOURCE: GitHub keras-team/keras#1006 ("accuracy stop improving in simple convolution network", 2015; resolved in the thread with EderSantana)
SAW: a binary image classifier (one convolution whose filter is as large as the picture, 25 dense units): for some sizes
     the accuracy stays at one low value in all epochs, the loss sits at about 11.45.
CAUSE: the learning rate of SGD (default 0.01) is much too high for this network, after the first steps the units are dead
       and the softmax is saturated.
FIX: the "correct learning rate", 0.0003.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Conv2D, Activation, Flatten, Dense, Input

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)
rng = np.random.RandomState(0)

img_rows = img_cols = 40
n_filters = 32
nn_dense = 25
n_classes = 2
weight_init = "he_normal"
loss_func = "categorical_crossentropy"


def patch(k):
    yy, xx = np.mgrid[0:img_rows, 0:img_cols]
    a = rng.normal(0, 6, (img_rows, img_cols))
    cy, cx = rng.uniform(14, 26, 2)
    if k:
        a += 14 * (np.hypot(yy - cy, xx - cx) < 10)
    else:
        a += 14 * (abs(yy - cy) < 4)
    return a + 8


lab = (rng.rand(900) < 0.55).astype(int)
X = np.stack([patch(k) for k in lab])[..., None].astype("float32")
Y = keras.utils.to_categorical(lab, n_classes)
X, Y, X_val, Y_val = X[:700], Y[:700], X[700:], Y[700:]

model = Sequential()
model.add(Input((img_rows, img_cols, 1)))
model.add(Conv2D(n_filters, (img_rows, img_cols), padding="valid", kernel_initializer=weight_init))
model.add(Activation("relu"))
model.add(Flatten())
model.add(Dense(nn_dense, kernel_initializer=weight_init))
model.add(Activation("relu"))
model.add(Dense(n_classes, kernel_initializer=weight_init))
model.add(Activation("softmax"))
optimizer = keras.optimizers.SGD(learning_rate=0.0003) if GOOD else "sgd"
model.compile(loss=loss_func, optimizer=optimizer, metrics=["accuracy"])
h = model.fit(X, Y, batch_size=32, epochs=30, validation_data=(X_val, Y_val), verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
