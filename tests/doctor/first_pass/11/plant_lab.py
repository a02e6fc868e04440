"""
SOURCE: Tessellate-Imaging/monk_v1#5 ("Issue with Keras training").
SAW: With the default mode of the Keras part the loss in validation comes down a little at first
    while the validation accuracy does not improve.
CAUSE: The initial learning rate is too high for the network, so it does not converge.
FIX: An initial learning rate of 0.0001, with a step schedule (times 0.97 after every epoch) in
    place of the plateau one.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)

NUM_CLASSES = 5
INPUT = 32


def leaf_photos(n, rng):
    yy, xx = np.mgrid[0:INPUT, 0:INPUT].astype("float32") - INPUT / 2
    X, Y = np.zeros((n, INPUT, INPUT, 3), "float32"), rng.integers(0, NUM_CLASSES, n)
    for i, k in enumerate(Y):
        a = rng.uniform(0, np.pi)
        u = xx * np.cos(a) + yy * np.sin(a)
        v = -xx * np.sin(a) + yy * np.cos(a)
        leaf = (u / 13) ** 2 + (v / rng.uniform(6, 9)) ** 2 < 1
        pic = np.zeros((INPUT, INPUT, 3)) + rng.uniform(0.3, 0.7)
        green = np.array([0.2, 0.55, 0.2]) * rng.uniform(0.8, 1.3)
        pic[leaf] = green
        if k == 1:
            pic[leaf & (np.abs(np.sin(u)) > 0.8)] *= 0.5
        if k in (2, 3):
            for _ in range(7):
                p, q = rng.uniform(-9, 9), rng.uniform(-5, 5)
                spot = leaf & ((u - p) ** 2 + (v - q) ** 2 < 3)
                pic[spot] = (0.55, 0.35, 0.1) if k == 2 else (0.75, 0.75, 0.6)
        if k == 4:
            pic[leaf & (np.abs(v) > 4)] = (0.6, 0.6, 0.15)
        X[i] = pic + rng.normal(0, 0.04, pic.shape)
    return np.clip(X, 0, 1), Y


rng = np.random.default_rng(8)
x_train, y_train = leaf_photos(800, rng)
x_val, y_val = leaf_photos(200, rng)
y_train = keras.utils.to_categorical(y_train, NUM_CLASSES)
y_val = keras.utils.to_categorical(y_val, NUM_CLASSES)


def vgg_block(x, filters):
    for _ in range(3):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    return layers.MaxPooling2D(2)(x)


inp = layers.Input((INPUT, INPUT, 3))
x = inp
for f in (16, 32, 48, 48):
    x = vgg_block(x, f)
x = layers.Flatten()(x)
x = layers.Dense(256, activation="relu", kernel_initializer="he_normal")(x)
x = layers.Dense(256, activation="relu", kernel_initializer="he_normal")(x)
out = layers.Dense(NUM_CLASSES, activation="softmax")(x)
model = keras.Model(inp, out)

if GOOD:
    lr = 0.0001
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, lr: 0.0001 * 0.97 ** epoch)
else:
    lr = 0.01
    scheduler = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.1, patience=10)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=lr), loss="categorical_crossentropy",
              metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=16, epochs=10, validation_data=(x_val, y_val),
                    callbacks=[scheduler], verbose=2)

tr = model.evaluate(x_train, y_train, verbose=0)[1]
va = model.evaluate(x_val, y_val, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={va:.3f} (accuracy, {NUM_CLASSES} classes)")
