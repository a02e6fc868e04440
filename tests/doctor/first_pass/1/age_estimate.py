"""
SOURCE: tensorflow/tensorflow#28901, "[TF 2.0] Model not converging when trained with custom training loop"
SAW: a simple regression model learns with fit(), but not with a training loop of one's own with
GradientTape; it ends up at the mean.
CAUSE: the targets have shape (16,), the predictions (16, 1); their difference is broadcast to (16, 16).
FIX: y = y[:, tf.newaxis] in the training step.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import tensorflow as tf
from sklearn.metrics import r2_score

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(28)
rng = np.random.default_rng(28)

n = 1200
x = rng.normal(0, 1, (n, 6)).astype("float32")
age = 35 + 9 * x[:, 0] - 6 * x[:, 1] + 5 * np.tanh(2 * x[:, 2]) + 3 * x[:, 3] * x[:, 4] + rng.normal(0, 1, n)
age = (age / 100).astype("float32")
x_train, x_test, y_train, y_test = x[:960], x[960:], age[:960], age[960:]
ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(960, seed=1).batch(16)


class MyModel(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.d1 = tf.keras.layers.Dense(64, activation="relu")
        self.d2 = tf.keras.layers.Dense(64, activation="relu")
        self.out = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.d2(self.d1(inputs)))


model = MyModel()
model(x_train[:1])
optimizer = tf.keras.optimizers.Adam(1e-3)


@tf.function
def train_step(x, y):
    if GOOD:
        y = y[:, tf.newaxis]
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = tf.reduce_mean(tf.square(y_pred - y))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(40):
    losses = [float(train_step(xb, yb)) for xb, yb in ds]
    if epoch % 5 == 4:
        print("epoch %d loss %.5f" % (epoch + 1, np.mean(losses)))

p_train = model(x_train).numpy()[:, 0]
p_test = model(x_test).numpy()[:, 0]
print("spread of predictions %.4f, of targets %.4f" % (p_test.std(), y_test.std()))
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], r2_score(y_train, p_train), r2_score(y_test, p_test)))
