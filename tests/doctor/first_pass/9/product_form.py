"""Source: https://www.exchangetuts.com/index.php/when-using-tensorflow-to-solve-algebra-all-variables-became-nan-after-training-1764087903084315
(copy of a Stack Overflow question; question and answer seen).
Seen: (ax+b)(cx+d) shall become 2x^2+3x+4; after the training a, b, c and d are nan.
CAUSE: the learning rate of 0.01 is too high for the sum of the squared errors of a product with x up to 4, the steps
overshoot more and more.
FIX: a learning rate of 0.0001.
(A Keras layer with the four weights and a loop with GradientTape in place of the TensorFlow 1 session.)"""
import sys

import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

x_train = np.array([[1.0], [2.0], [3.0], [4.0]], dtype="float32")
y_train = 2 * x_train ** 2 + 3 * x_train + 4
x_val = np.array([[1.5], [2.5], [3.5]], dtype="float32")
y_val = 2 * x_val ** 2 + 3 * x_val + 4


class Product(keras.layers.Layer):
    def build(self, shape):
        half = keras.initializers.Constant(0.5)
        self.a = self.add_weight(shape=(1,), initializer=half, name="a")
        self.b = self.add_weight(shape=(1,), initializer=half, name="b")
        self.c = self.add_weight(shape=(1,), initializer=half, name="c")
        self.d = self.add_weight(shape=(1,), initializer=half, name="d")

    def call(self, x):
        return (self.a * x + self.b) * (self.c * x + self.d)


inp = keras.Input((1,))
model = keras.Model(inp, Product()(inp))
rate = 0.01
if GOOD:
    rate = 0.0001
optimizer = keras.optimizers.SGD(rate)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(x, training=True) - y))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for i in range(2000):
    loss = step(x_train, y_train)
    if i % 200 == 0:
        print(i, float(loss))

print([float(w.numpy()[0]) for w in model.weights])


def mse(x, y):
    return float(np.mean((model(x).numpy() - y) ** 2))


print("RESULT", sys.argv[1], "train=%.3f val=%.3f (mse; variance of y %.0f)" % (mse(x_train, y_train), mse(x_val, y_val), y_train.var()))
