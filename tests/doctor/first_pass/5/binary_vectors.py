"""Source: https://ai.stackexchange.com/questions/16557 ("What could be the problem when a neural network with four hidden layers with the sigmoid activation function is not learning?"), answer seen.

What the person saw: a large set of binary vectors mapped to real numbers; four hidden layers of 500 sigmoid units.
The loss stays high even on the training data.

CAUSE: sigmoid in every one of four hidden layers, the gradient vanishes on the way back.
FIX: relu in the hidden layers.
(Layer width cut from 500 to 128; the optimizer, plain SGD, is my choice.)
"""
import sys
import numpy as np
import tensorflow as tf

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(2)

n, bits = 5000, 24
X = np.random.randint(0, 2, (n, bits)).astype("float32")
w = np.random.randn(bits)
y = X @ w + 2.0 * X[:, 0] * X[:, 1] - 1.5 * X[:, 2] * X[:, 3]
y = ((y - y.mean()) / y.std()).astype("float32")
train = tf.data.Dataset.from_tensor_slices((X[:4000], y[:4000])).shuffle(4000).batch(32)
val = tf.data.Dataset.from_tensor_slices((X[4000:], y[4000:])).batch(200)

act = tf.nn.relu if GOOD else tf.nn.sigmoid


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.hid = [tf.keras.layers.Dense(128, activation=act) for _ in range(4)]
        self.out = tf.keras.layers.Dense(1)

    def call(self, x):
        for layer in self.hid:
            x = layer(x)
        return self.out(x)[:, 0]


model = Net()
model.compile(optimizer=tf.keras.optimizers.SGD(0.01), loss="mse")
model.fit(train, epochs=30, validation_data=val, verbose=0)


def r2(a, b):
    p = model.predict(a, verbose=0)
    return 1 - np.sum((b - p) ** 2) / np.sum((b - b.mean()) ** 2)


print("RESULT %s train=%.3f val=%.3f (R2)" % (sys.argv[1], r2(X[:4000], y[:4000]), r2(X[4000:], y[4000:])))
