"""Source: tensorflow/docs#1034 ("multi_worker_with_estimator.ipynb: Remove softmax to get logits"), description seen.

What the person saw: the tutorial's MNIST CNN, trained with plain gradient descent and a loss of its own, did not converge.

CAUSE: the last layer has a softmax, and the loss takes its input as logits, so softmax is applied twice.
FIX: no activation on the last layer.
(8x8 digits in place of MNIST, a loop with GradientTape in place of the estimator.)
"""
import sys
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(9)
BATCH_SIZE = 64
LEARNING_RATE = 0.05

d = load_digits()
x = d.images[..., None].astype("float32") / 16
y = d.target.astype("int32")
train = tf.data.Dataset.from_tensor_slices((x[:1400], y[:1400])).shuffle(1400).batch(BATCH_SIZE)

model = tf.keras.Sequential([
    tf.keras.layers.Input((8, 8, 1)),
    tf.keras.layers.Conv2D(16, 3, activation="relu"),
    tf.keras.layers.MaxPooling2D(),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(64, activation="relu"),
    tf.keras.layers.Dense(10, activation=None if GOOD else "softmax"),
])
optimizer = tf.keras.optimizers.SGD(LEARNING_RATE)


@tf.function
def train_step(features, labels):
    with tf.GradientTape() as tape:
        logits = model(features, training=True)
        loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)) * (1.0 / BATCH_SIZE)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


for epoch in range(30):
    losses = [float(train_step(a, b)) for a, b in train]
    if epoch % 5 == 0:
        print("epoch", epoch, "loss %.4f" % np.mean(losses))


def acc(a, b):
    return np.mean(np.argmax(model(a).numpy(), axis=1) == b)


print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], acc(x[:1400], y[:1400]), acc(x[1400:], y[1400:])))
