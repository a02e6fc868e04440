"""
Source: SamuelLAN/jdPigRecognition#3 ("收敛效果慢", convergence is slow), https://github.com/SamuelLAN/jdPigRecognition/issues/3
(Chinese; answer of the owner seen; the numbers of the two rates are not in the thread).
Seen: a VGG-like net for the faces of pigs is trained with the settings of the file and hardly moves.
CAUSE: the learning rate in the file is the one for going on with a net that has been trained for long; for a start it is far too small.
FIX: the larger start rate (which stands in the file as a comment).
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)

NUM_PIG = 10
IMAGE_SIZE = 40
START_LEARNING_RATE = 1e-3 if GOOD else 1e-6
DECAY_RATE, DECAY_STEPS = 0.95, 100
BATCH_SIZE, MAX_STEPS = 32, 500

pigs = [dict(ear=rng.uniform(4, 9), snout=rng.uniform(4, 9), eye=rng.uniform(6, 12),
             skin=rng.uniform(140, 230, 3), patch=rng.uniform(-10, 10, 2)) for _ in range(NUM_PIG)]


def photo(pig):
    img = rng.normal(90, 20, (IMAGE_SIZE, IMAGE_SIZE, 3))
    yy, xx = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
    cy, cx = 20 + rng.uniform(-3, 3), 20 + rng.uniform(-3, 3)
    light = rng.uniform(0.75, 1.1)

    def disc(y, x, r, colour):
        img[(yy - y) ** 2 + (xx - x) ** 2 < r * r] = colour

    for side in (-1, 1):
        disc(cy - 12, cx + side * 9, pig["ear"] * 0.7, pig["skin"] * 0.8)
    disc(cy, cx, 13, pig["skin"])
    disc(cy + pig["patch"][0], cx + pig["patch"][1], 4, pig["skin"] * 0.45)
    for side in (-1, 1):
        disc(cy - 4, cx + side * pig["eye"] * 0.6, 2, 20)
    disc(cy + 6, cx, pig["snout"] * 0.7, pig["skin"] * 0.7)
    return np.clip(img * light + rng.normal(0, 10, img.shape), 0, 255)


def load(n):
    y = rng.integers(0, NUM_PIG, n)
    x = np.stack([photo(pigs[i]) for i in y]).astype("float32")
    return x / 255.0 - 0.5, keras.utils.to_categorical(y, NUM_PIG)


x_train, y_train = load(1600)
x_val, y_val = load(400)

net = keras.Sequential([layers.Input((IMAGE_SIZE, IMAGE_SIZE, 3))])
for depth in (16, 32, 48):
    net.add(layers.Conv2D(depth, 3, padding="same", activation="relu", kernel_initializer="he_normal"))
    net.add(layers.Conv2D(depth, 3, padding="same", activation="relu", kernel_initializer="he_normal"))
    net.add(layers.MaxPooling2D())
net.add(layers.Flatten())
net.add(layers.Dense(96, activation="relu", kernel_initializer="he_normal"))
net.add(layers.Dropout(0.3))
net.add(layers.Dense(NUM_PIG, activation="softmax"))

rate = keras.optimizers.schedules.ExponentialDecay(START_LEARNING_RATE, DECAY_STEPS, DECAY_RATE)
net.compile(optimizer=keras.optimizers.Adam(rate), loss="categorical_crossentropy", metrics=["accuracy"])

for step in range(1, MAX_STEPS + 1):
    idx = rng.integers(0, len(x_train), BATCH_SIZE)
    loss, acc = net.train_on_batch(x_train[idx], y_train[idx])
    if step % 100 == 0:
        print("step", step, "loss", float(loss), "acc", float(acc), "val", net.evaluate(x_val, y_val, verbose=0))

print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], net.evaluate(x_train, y_train, verbose=0)[1], net.evaluate(x_val, y_val, verbose=0)[1]))
