"""Source: keras-team/keras#9940 ("Wierd behaviour from summary()"), answer of nuric seen.

What the person saw: trained some epochs with the VGG16 convolutions frozen, then set layer.trainable = True in a loop
and went on training; summary() shows odd counts and it is not clear that the training does anything.

CAUSE: the model was not compiled again after trainable was changed, so the unfrozen layers are left untrained.
FIX: compile() after changing trainable.
(A small convolution base trained on another task of 8x8 images in place of VGG16.)
"""
import sys
import numpy as np
from sklearn.datasets import load_digits
import keras
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, GlobalAveragePooling2D, Dense, Input

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

base = Sequential([
    Input((8, 8, 1)),
    Conv2D(16, 3, activation="relu", padding="same"),
    MaxPooling2D(2),
    Conv2D(32, 3, activation="relu", padding="same"),
    GlobalAveragePooling2D(),
], name="base")

# base: bright or dark pictures
xa = np.random.rand(600, 8, 8, 1).astype("float32")
ya = np.random.randint(0, 2, 600)
xa = xa * 0.6 + 0.4 * ya[:, None, None, None]
pre = Sequential([Input((8, 8, 1)), base, Dense(1, activation="sigmoid")])
pre.compile("adam", "binary_crossentropy", metrics=["accuracy"])
pre.fit(xa, ya, epochs=3, verbose=0)

d = load_digits()
x = d.images[..., None].astype("float32") / 16
y = d.target
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]

model = Sequential([Input((8, 8, 1)), base, Dense(10, activation="softmax")])
for layer in model.layers[0].layers:
    layer.trainable = False
model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=5, verbose=2, validation_data=(x_val, y_val))

for layer in model.layers[0].layers:
    layer.trainable = True
if GOOD:
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(x_train, y_train, epochs=15, verbose=2, validation_data=(x_val, y_val))

print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
