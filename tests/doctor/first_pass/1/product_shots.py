"""
SOURCE: tensorflow/tensorflow#48308, "Keras loss is stuck at the very same value during training after the first epoch"
SAW: a convolutional autoencoder on very similar grey pictures of one object; the loss drops in the first
epoch and then stays at the very same value for the rest of the training.
CAUSE: the learning rate scheduler was misused (the person's own finding; how is not said in the thread).
Here: the schedule multiplies the rate it is handed, already lowered, by a power that grows with the epoch,
so that the rate is next to zero after two epochs.
FIX: compute the rate of each epoch from the fixed initial rate.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)
SIZE = 48


def shot():
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    cy, cx = 24 + rng.normal(0, 2.5, 2)
    r = 14 + rng.normal(0, 1.2)
    a = rng.uniform(0, 2 * np.pi)
    d = np.hypot(yy - cy, xx - cx)
    img = np.full((SIZE, SIZE), 0.25)
    img[d < r] = 0.75
    img[d < r * 0.45] = 0.1
    hy, hx = cy + 0.7 * r * np.sin(a), cx + 0.7 * r * np.cos(a)
    img[np.hypot(yy - hy, xx - hx) < 3.5] = 1.0
    return np.clip(img + rng.normal(0, 0.01, img.shape), 0, 1)


train = np.array([shot() for _ in range(1000)], "float32")[..., None]
valid = np.array([shot() for _ in range(200)], "float32")[..., None]

inp = layers.Input((SIZE, SIZE, 1))
x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inp)
x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
x = layers.Flatten()(x)
encoder = keras.Model(inp, layers.Dense(16)(x), name="encoder")

lat = layers.Input((16,))
x = layers.Dense(12 * 12 * 32, activation="relu")(lat)
x = layers.Reshape((12, 12, 32))(x)
x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(x)
decoder = keras.Model(lat, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x), name="decoder")

autoencoder = keras.Model(inp, decoder(encoder(inp)), name="autoencoder")

initial_lr = 1e-3


def scheduler(epoch, lr):
    if GOOD:
        return initial_lr * 0.9 ** epoch
    return lr * 0.1 ** epoch


autoencoder.compile(optimizer=keras.optimizers.Adam(initial_lr), loss="mse")
h = autoencoder.fit(train, train, batch_size=32, epochs=15, validation_data=(valid, valid), verbose=2,
                    callbacks=[keras.callbacks.LearningRateScheduler(scheduler)])
var = np.mean((valid - train.mean(axis=0)) ** 2)
print("mse of the mean picture: %.4f" % var)
print("RESULT %s train=%.4f val=%.4f" % (sys.argv[1], h.history["loss"][-1], h.history["val_loss"][-1]))
