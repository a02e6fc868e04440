"""
SOURCE: aymericdamien/TensorFlow-Examples issue #255 ("Bad weight/bias
initialization for raw convnet"),
https://github.com/aymericdamien/TensorFlow-Examples/issues/255

SEEN: the example of a convolutional network with raw variables (two convolutions,
one hidden layer with dropout, Adam 0.001) runs, but "doesn't produce very good
results" on handwritten digits.
(Here: scikit-learn's digits written somewhere in 28 x 28, fewer maps, TensorFlow 2 loop.)

CAUSE: weights and biases are drawn from a normal distribution with standard
deviation 1, which is far too wide.
FIX: biases zero, a smaller standard deviation for the weights.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

digits = load_digits()
small = np.kron(digits.images / 16.0, np.ones((2, 2)))        # 16 x 16
rng = np.random.default_rng(2)


def place(img):
    out = np.zeros((28, 28), "float32")
    y, x = rng.integers(0, 13, 2)
    out[y:y + 16, x:x + 16] = img
    return out.reshape(784)


X = np.array([place(img) for img in small])
Y = np.eye(10, dtype="float32")[digits.target]
x_train, x_test, y_train, y_test = train_test_split(X, Y, test_size=400, random_state=0, stratify=digits.target)

STEPS, BATCH = 400, 64
KEEP = 0.75


def layer(*shape):
    """weights and biases of one layer"""
    if GOOD:
        return tf.Variable(tf.random.normal(shape, stddev=0.05)), tf.Variable(tf.zeros(shape[-1:]))
    return tf.Variable(tf.random.normal(shape)), tf.Variable(tf.random.normal(shape[-1:]))


first, second = layer(5, 5, 1, 16), layer(5, 5, 16, 32)
hidden, last = layer(7 * 7 * 32, 512), layer(512, 10)
variables = [*first, *second, *hidden, *last]


def net(x, keep=1.0):
    h = tf.reshape(x, (-1, 28, 28, 1))
    for w, b in (first, second):
        h = tf.nn.relu(tf.nn.conv2d(h, w, 1, "SAME") + b)
        h = tf.nn.max_pool2d(h, 2, 2, "SAME")
    h = tf.reshape(h, (-1, 7 * 7 * 32))
    h = tf.nn.relu(h @ hidden[0] + hidden[1])
    h = tf.nn.dropout(h, rate=1.0 - keep)
    return h @ last[0] + last[1]


optimizer = keras.optimizers.Adam(0.001)
optimizer.build(variables)


@tf.function
def one_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, net(x, KEEP)))
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss


def accuracy(x, y):
    return float((net(x).numpy().argmax(1) == y.argmax(1)).mean())


batches = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(2000).repeat().batch(BATCH)
for n, (bx, by) in enumerate(batches.take(STEPS), 1):
    loss = one_step(bx, by)
    if n % 50 == 0:
        print("step %d loss %.4f accuracy of the batch %.3f" % (n, loss, accuracy(bx, by.numpy())), flush=True)

print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], accuracy(x_train, y_train), accuracy(x_test, y_test)))
