"""SOURCE: https://discuss.pytorch.org/t/output-of-the-model-depends-on-the-shape-of-the-weights-tensor/148155
("Output of the model depends on the shape of the weights tensor", PyTorch forum; question and answer read whole)
SEEN: One linear unit is to learn the sum of three inputs, as simple as possible. It stays at a bad error (about 0.5) and
"can't learn this simple formula", although with another shape of the weights it reaches 1e-12. (The readings are centred
and the sum has noise here.)
CAUSE: The model's output has the shape (1024, 1), the targets (1024,). Their difference broadcasts to (1024, 1024), so
every prediction is compared with every target and the best answer is the mean of all targets.
FIX: Give the targets the shape (1024, 1) (y.unsqueeze(1)).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)


def readings(n):
    x = rng.normal(0, 1, (n, 3)).astype("float32")
    y = x[:, 0] + x[:, 1] + x[:, 2] + rng.normal(0, 0.5, n)
    return x, y.astype("float32")


X_np, y_np = readings(1024)
Xv, yv = readings(512)

X = tf.constant(X_np)
y = tf.constant(y_np)
if GOOD:
    y = y[:, None]

m = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
optim = keras.optimizers.SGD(learning_rate=10e-2)



@tf.function
def step():
    with tf.GradientTape() as tape:
        out = m(X, training=True)
        loss = tf.reduce_mean((out - y) ** 2)
    grads = tape.gradient(loss, m.trainable_variables)
    optim.apply_gradients(zip(grads, m.trainable_variables))
    return loss


best, wait = np.inf, 0
for epoch in range(500):
    value = float(step())
    if epoch % 20 == 0:
        print(epoch, value)
    if value < best * (1 - 1e-4):
        best, wait = value, 0
    else:
        wait += 1
        if wait > 20:
            optim.learning_rate.assign(float(optim.learning_rate) * 0.5)
            wait = 0

print("weights:", m.get_weights()[0].ravel())


def r2(x, t):
    p = m.predict(x, verbose=0).ravel()
    return 1 - np.mean((p - t) ** 2) / np.var(t)


print(f"RESULT {'good' if GOOD else 'bad'} train={r2(X_np, y_np):.3f} val={r2(Xv, yv):.3f} (R2)")
