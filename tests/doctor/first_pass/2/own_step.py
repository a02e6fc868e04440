"""
Source: tensorflow/tensorflow#28901 ("[TF 2.0] Model not converging when trained with custom training loop")

Seen: a small regression model converges with train_on_batch/fit, but the very same model trained with a
hand-written GradientTape step stays near a constant prediction.

CAUSE: in the training step y has shape (16,) and y_pred has shape (16, 1); their difference broadcasts to (16, 16), so every prediction is compared with every target of the batch.
FIX: give y a second axis (y[:, tf.newaxis]) before the loss.
"""
import sys

import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)


class MyKerasModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.d1 = keras.layers.Dense(64, activation="relu")
        self.d2 = keras.layers.Dense(64, activation="relu")
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.d2(self.d1(x)))


def make_data(n):
    x = np.random.uniform(-3, 3, size=(n, 2)).astype("float32")
    y = np.sin(x[:, 0]) * 2 + 0.5 * x[:, 1] ** 2 + np.random.normal(scale=0.1, size=n)
    return x, y.astype("float32")


x_train, y_train = make_data(1600)
x_test, y_test = make_data(400)
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(1600).batch(16)

model = MyKerasModel()
optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def train_step(x, y):
    if GOOD:
        y = y[:, tf.newaxis]
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = tf.reduce_mean(tf.square(y - y_pred))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(30):
    losses = [float(train_step(x, y)) for x, y in train_ds]
    print("epoch", epoch + 1, "loss", round(float(np.mean(losses)), 4))


def r2(a, b):
    p = model.predict(a, verbose=0)[:, 0]
    return 1 - np.mean((p - b) ** 2) / np.var(b)


print(f"RESULT {sys.argv[1]} train={r2(x_train, y_train):.3f} val={r2(x_test, y_test):.3f} (R2)")
