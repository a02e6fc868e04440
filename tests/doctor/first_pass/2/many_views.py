"""
Source: WeiTang114/MVCNN-TensorFlow#14 ("Class predicted always 0")

Seen: a multi-view CNN (the views of an object share the convolutions and are max-pooled), batch size 8, trained with a loop of their own;
after a few hundred steps every object is put in class 0 and the accuracy equals guessing.

CAUSE: the last fully connected layer (fc8), whose output is the logits of the softmax cross-entropy, ends in a relu; once the logits are negative they are all 0 and no gradient comes back.
FIX: remove the relu after fc8.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(19)
rng = np.random.default_rng(19)

n_classes, n_views, S = 10, 4, 20
shapes = rng.uniform(-1, 1, size=(n_classes, n_views, 5, 5))


def objects(n):
    y = rng.integers(0, n_classes, n)
    x = np.empty((n, n_views, S, S, 1), "float32")
    for i, c in enumerate(y):
        start = rng.integers(0, n_views)
        for v in range(n_views):
            img = np.kron(shapes[c, (v + start) % n_views], np.ones((4, 4)))
            img = np.roll(img, rng.integers(-2, 3, 2), axis=(0, 1))
            x[i, v, :, :, 0] = img + rng.normal(0, 0.3, img.shape)
    return x, y.astype("int64")


x_train, y_train = objects(640)
x_test, y_test = objects(200)


class MVCNN(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(16, 3, activation="relu")
        self.pool1 = layers.MaxPooling2D()
        self.conv2 = layers.Conv2D(32, 3, activation="relu")
        self.pool2 = layers.MaxPooling2D()
        self.flat = layers.Flatten()
        self.fc7 = layers.Dense(128, activation="relu")
        self.fc8 = layers.Dense(n_classes, activation=None if GOOD else "relu")

    def call(self, views):
        pooled = []
        for v in range(n_views):
            h = self.pool1(self.conv1(views[:, v]))
            h = self.pool2(self.conv2(h))
            pooled.append(self.flat(h))
        h = tf.reduce_max(tf.stack(pooled), axis=0)
        return self.fc8(self.fc7(h))


model = MVCNN()
optimizer = keras.optimizers.Adam(0.002)
data = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(640, seed=1).batch(8)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    g = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(g, model.trainable_variables))
    return loss


def accuracy(x, y):
    return float(np.mean(np.argmax(model.predict(x, verbose=0), axis=1) == y))


for epoch in range(6):
    losses = [float(step(a, b)) for a, b in data]
    print(f"epoch {epoch + 1} loss {np.mean(losses):.4f} test acc {accuracy(x_test, y_test):.3f}")

print(f"RESULT {sys.argv[1]} train={accuracy(x_train, y_train):.3f} val={accuracy(x_test, y_test):.3f} (accuracy)")
