"""
SOURCE: https://github.com/tensorflow/tensorflow/issues/28901 ("[TF 2.0] Model not converging when trained with custom
training loop")

SEEN: a small regression model; with train_on_batch / fit it converges, with an own GradientTape loop (batches of 16)
the loss stays high and the model predicts nearly the same value everywhere.

CAUSE: in the own loop y has shape (16,) and the prediction (16, 1), so the difference is broadcast to (16, 16) and every
prediction is compared with every target.
FIX: y = y[:, tf.newaxis] before the loss is computed.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
tf.keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

x = rng.uniform(-3, 3, (1024, 1)).astype("float32")
y = (np.sin(1.5 * x[:, 0]) + 0.3 * x[:, 0] + rng.normal(0, 0.05, 1024)).astype("float32")
x_test, y_test = x[800:], y[800:]
x, y = x[:800], y[:800]
dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(800).batch(16, drop_remainder=True)


class MyModel(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense1 = tf.keras.layers.Dense(32, activation="tanh")
        self.dense2 = tf.keras.layers.Dense(32, activation="tanh")
        self.out = tf.keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.dense2(self.dense1(inputs)))


model = MyModel()
optimizer = tf.keras.optimizers.Adam(3e-3)


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
    mean = tf.keras.metrics.Mean()
    for xb, yb in dataset:
        mean.update_state(train_step(xb, yb))
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "loss", float(mean.result()))


def mse(a, b):
    return float(np.mean((model.predict(a, verbose=0)[:, 0] - b) ** 2))


print("variance of the test targets", float(y_test.var()))
print("RESULT %s train=%.4f val=%.4f" % ("good" if GOOD else "bad", mse(x, y), mse(x_test, y_test)))
