"""Source: https://whosebug.com/question/5885893/Training-a-basic-TensorFlow-Model-using-the-GradientTape (copy of a Stack Overflow question)
Saw: points of the unit square with labels 0/1, weights by hand; tape.gradient gives only zeros and nothing is learnt.
CAUSE: CategoricalCrossentropy on a single output column: the column is normalised by its own sum, so the loss does not depend on the weights.
FIX: BinaryCrossentropy.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

import tensorflow as tf

rng = np.random.default_rng(0)
pts = rng.uniform(0, 1, (500, 2, 1)).astype("float32")
lab = (pts[:, 0, 0] + pts[:, 1, 0] > 1.0).astype("float32").reshape(500, 1, 1)
x, y = tf.constant(pts[:250]), tf.constant(lab[:250])

w0 = tf.Variable(tf.random.normal([4, 2], seed=1))
w1 = tf.Variable(tf.random.normal([1, 4], seed=2))
b1 = tf.Variable(tf.zeros([4, 1]))
b2 = tf.Variable(tf.zeros([1, 1]))
params = [w0, w1, b1, b2]
loss = keras.losses.BinaryCrossentropy() if GOOD else keras.losses.CategoricalCrossentropy()

def forward(x):
    h = tf.nn.relu(tf.matmul(w0, x) + b1)
    return tf.nn.sigmoid(tf.matmul(w1, h) + b2)

def accuracy(x, y):
    return float(np.mean((forward(x).numpy() > 0.5) == (np.asarray(y) > 0.5)))

for i in range(1000):
    with tf.GradientTape() as t:
        current_loss = loss(y, forward(x))
    for v, g in zip(params, t.gradient(current_loss, params)):
        v.assign_sub(0.3 * g)
    if i % 250 == 0:
        print(i, float(current_loss))
print(f"RESULT {sys.argv[1]} train={accuracy(x, y):.3f} val={accuracy(pts[250:], lab[250:]):.3f} (accuracy)")
