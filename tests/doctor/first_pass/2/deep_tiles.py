"""
Source: cleverhans-lab/cleverhans#25 ("wrong order in tf_model_loss")

Seen: the helper for the training loss calls categorical_crossentropy; on MNIST nobody notices anything, but a deeper model on
CIFAR-10 does not train.

CAUSE: the arguments are in the wrong order, categorical_crossentropy(model output, y) instead of (y, model output), so the log is taken of the one-hot labels.
FIX: swap the two arguments.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(23)
rng = np.random.default_rng(23)

base = rng.uniform(0, 1, size=(10, 4, 4, 3))


def tiles(n):
    y = rng.integers(0, 10, n)
    x = np.stack([np.roll(np.kron(base[c], np.ones((6, 6, 1))), rng.integers(-3, 4, 2), axis=(0, 1)) for c in y])
    x = np.clip(x + rng.normal(0, 0.15, x.shape), 0, 1)
    return x.astype("float32"), keras.utils.to_categorical(y, 10).astype("float32")


x_train, y_train = tiles(1200)
x_test, y_test = tiles(300)


def build():
    inp = keras.Input((24, 24, 3))
    x = inp
    for filters in (12, 24, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(inp, layers.Dense(10, activation="softmax")(x))


def model_loss(y, output):
    if GOOD:
        loss = keras.losses.categorical_crossentropy(y, output)
    else:
        loss = keras.losses.categorical_crossentropy(output, y)
    return tf.reduce_mean(loss)


model = build()
optimizer = keras.optimizers.SGD(learning_rate=0.03, momentum=0.9)


@tf.function
def train_batch(x, y):
    with tf.GradientTape() as tape:
        loss = model_loss(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


def acc(x, y):
    return float(np.mean(model.predict(x, verbose=0).argmax(1) == y.argmax(1)))


for epoch in range(8):
    order = rng.permutation(len(x_train))
    total = 0.0
    for k in range(0, len(order), 32):
        idx = order[k:k + 32]
        total += float(train_batch(x_train[idx], y_train[idx]))
    print("epoch", epoch, "loss", total / (len(order) / 32), "test", acc(x_test, y_test))

print(f"RESULT {sys.argv[1]} train={acc(x_train, y_train):.3f} val={acc(x_test, y_test):.3f} (accuracy)")
