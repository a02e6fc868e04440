"""Source: tensorflow/docs#1225 (guide on training loops, seen as a search excerpt by an earlier writer).

What the person saw: the example of the guide, a small MLP for MNIST with a training loop of its own, does not train as
the guide says.

CAUSE: the last layer has no activation (it gives logits), but SparseCategoricalCrossentropy is made without
from_logits=True and takes them for probabilities.
FIX: SparseCategoricalCrossentropy(from_logits=True).
(Digits of scikit-learn.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)

d = load_digits()
perm = np.random.permutation(len(d.target))
x, y = (d.data[perm] / 16).astype("float32"), d.target[perm]
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]

inputs = keras.Input(shape=(64,), name="digits")
h = layers.Dense(64, activation="relu", name="dense_1")(inputs)
h = layers.Dense(64, activation="relu", name="dense_2")(h)
outputs = layers.Dense(10, name="predictions")(h)
model = keras.Model(inputs=inputs, outputs=outputs)

optimizer = keras.optimizers.SGD(learning_rate=1e-2)
if GOOD:
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
else:
    loss_fn = keras.losses.SparseCategoricalCrossentropy()
train_dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(buffer_size=1400).batch(16)
metric = keras.metrics.SparseCategoricalAccuracy()


@tf.function
def train_step(xb, yb):
    with tf.GradientTape() as tape:
        logits = model(xb, training=True)
        loss_value = loss_fn(yb, logits)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    metric.update_state(yb, logits)
    return loss_value


for epoch in range(25):
    for step, (xb, yb) in enumerate(train_dataset):
        loss_value = train_step(xb, yb)
    print("epoch", epoch, "loss", float(loss_value), "acc", float(metric.result()))
    metric.reset_state()


def acc(a, b):
    return (model.predict(a, verbose=0).argmax(1) == b).mean()


print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], acc(x_train, y_train), acc(x_val, y_val)))
