"""
SOURCE: aiUIUC/pyAIUtils#25 ("random_normal_initializer is wrong for both conv and dense"; layers
    of their own on top of TensorFlow there, Keras layers of their own here).
SAW: Networks put together from the conv and dense layers of the package do not start from the
    weights that were asked for (stddev 1/sqrt(fan in)). (That they do not train is what the run
    here shows; the report tells the fault only.)
CAUSE: random_normal_initializer(stddev) hands the standard deviation over as the first argument, which is
    the mean; the standard deviation itself stays at 1.0.
FIX: random_normal_initializer(0.0, stddev).
"""
import sys

import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)


def random_normal_initializer(mean=0.0, stddev=1.0):
    return keras.initializers.RandomNormal(mean, stddev)


class Conv2d(keras.layers.Layer):
    def __init__(self, out_dim, filter_size, func=tf.nn.relu, **kwargs):
        super().__init__(**kwargs)
        self.out_dim, self.filter_size, self.func = out_dim, filter_size, func

    def build(self, shape):
        stddev = 1. / np.sqrt(self.filter_size ** 2 * shape[-1])
        if GOOD:
            w_init = random_normal_initializer(0.0, stddev)
        else:
            w_init = random_normal_initializer(stddev)
        self.w = self.add_weight(shape=(self.filter_size, self.filter_size, shape[-1], self.out_dim),
                                 initializer=w_init, name="w")
        self.b = self.add_weight(shape=(self.out_dim,), initializer="zeros", name="b")

    def call(self, x):
        return self.func(tf.nn.conv2d(x, self.w, strides=1, padding="SAME") + self.b)


class Full(keras.layers.Layer):
    def __init__(self, out_dim, func=tf.identity, **kwargs):
        super().__init__(**kwargs)
        self.out_dim, self.func = out_dim, func

    def build(self, shape):
        stddev = 1. / np.sqrt(shape[-1])
        if GOOD:
            w_init = random_normal_initializer(0.0, stddev)
        else:
            w_init = random_normal_initializer(stddev)
        self.w = self.add_weight(shape=(shape[-1], self.out_dim), initializer=w_init, name="w")
        self.b = self.add_weight(shape=(self.out_dim,), initializer="zeros", name="b")

    def call(self, x):
        return self.func(tf.matmul(x, self.w) + self.b)


class Net(keras.Model):
    def __init__(self, n_classes):
        super().__init__()
        self.conv1 = Conv2d(12, 5, name="conv_1")
        self.pool1 = keras.layers.MaxPooling2D(2)
        self.conv2 = Conv2d(24, 5, name="conv_2")
        self.pool2 = keras.layers.MaxPooling2D(2)
        self.flat = keras.layers.Flatten()
        self.fc1 = Full(96, tf.nn.relu, name="fc_1")
        self.fc2 = Full(n_classes, name="fc_2")

    def call(self, x):
        x = self.pool1(self.conv1(x))
        x = self.pool2(self.conv2(x))
        x = self.fc1(self.flat(x))
        return self.fc2(x)


def load_letters(n, rng, forms):
    y = rng.integers(0, len(forms), n)
    x = np.zeros((n, 24, 24, 1), "float32")
    for i, k in enumerate(y):
        r, c = rng.integers(1, 5, 2)
        x[i, r:r + 18, c:c + 18, 0] = np.kron(forms[k], np.ones((3, 3))) * rng.uniform(0.6, 1.0)
    return np.clip(x + rng.normal(0, 0.1, x.shape), 0, 1).astype("float32"), y


rng = np.random.default_rng(1)
forms = (rng.random((10, 6, 6)) < 0.45).astype("float32")
x_train, y_train = load_letters(1600, rng, forms)
x_val, y_val = load_letters(400, rng, forms)

net = Net(10)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
opt = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
net(x_train[:1])


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, net(x))
    grads = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(grads, net.trainable_variables))
    return loss


def accuracy(x, y):
    return float(np.mean(np.argmax(net.predict(x, verbose=0), axis=1) == y))


for epoch in range(8):
    order = rng.permutation(len(x_train))
    losses = [float(step(x_train[order[i:i + 32]], y_train[order[i:i + 32]]))
              for i in range(0, len(order), 32)]
    print(f"epoch {epoch + 1} loss {np.mean(losses):.4f} val acc {accuracy(x_val, y_val):.3f}")

print(f"RESULT {sys.argv[1]} train={accuracy(x_train, y_train):.3f} val={accuracy(x_val, y_val):.3f} "
      "(accuracy, 10 classes)")
