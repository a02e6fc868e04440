"""Source: PacktPublishing/Deep-Learning-for-Computer-Vision#2 (7_cat_vs_dog_bottleneck.py), whole thread seen.

What the person saw: cats and dogs, features of a pre-trained net saved first and a small top model trained on them. The
loss had been changed to binary_crossentropy because the other one gave an error; val_acc is 0.5000 in all epochs.

CAUSE: the output of the top model is still a softmax, over one unit, which is always 1.
FIX: sigmoid.
(The pre-trained net is a small CNN trained here first on the digits of scikit-learn; the animals are drawings.)
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(22)
rng = np.random.default_rng(22)

d = load_digits()
x_dig = np.kron(d.images, np.ones((3, 3)))[..., None].repeat(3, -1).astype("float32") / 16
base = keras.Sequential([
    keras.Input((24, 24, 3)),
    layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
], name="base")
pre = keras.Sequential([base, layers.Flatten(), layers.Dense(10, activation="softmax")])
pre.compile("adam", "sparse_categorical_crossentropy")
pre.fit(x_dig, d.target, epochs=4, batch_size=64, verbose=0)


def animal(dog):
    yy, xx = np.mgrid[:24, :24]
    cy, cx = rng.uniform(11, 15), rng.uniform(10, 14)
    img = rng.uniform(0, 0.4) + rng.normal(0, 0.08, (24, 24))
    c = rng.uniform(0.6, 1)
    img[(yy - cy) ** 2 + (xx - cx) ** 2 < 36] = c
    for s in (-1, 1):
        if dog:
            img[((yy - cy) / 6) ** 2 + ((xx - cx - s * 7) / 2) ** 2 < 1] = c * 0.8
        else:
            img[(yy > cy - 10) & (yy < cy - 3) & (abs(xx - cx - s * 4) < (yy - cy + 10) / 2.5)] = c
    return np.clip(img, 0, 1)[..., None].repeat(3, -1)


def folder(n):
    return np.array([animal(0) for _ in range(n)] + [animal(1) for _ in range(n)], "float32")


bottleneck_train = base.predict(folder(300), verbose=0)
bottleneck_test = base.predict(folder(100), verbose=0)
train_labels = np.array([0] * 300 + [1] * 300)
test_labels = np.array([0] * 100 + [1] * 100)

top = keras.Sequential()
top.add(keras.Input(bottleneck_train.shape[1:]))
top.add(layers.Flatten())
top.add(layers.Dense(256, activation="relu"))
top.add(layers.Dropout(0.5))
top.add(layers.Dense(1, activation="sigmoid" if GOOD else "softmax"))
top.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
top.fit(bottleneck_train, train_labels, epochs=12, batch_size=16, validation_data=(bottleneck_test, test_labels), verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], top.evaluate(bottleneck_train, train_labels, verbose=0)[1],
    top.evaluate(bottleneck_test, test_labels, verbose=0)[1]))
