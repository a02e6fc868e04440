"""Source: https://datascience.stackexchange.com/questions/31499 (low-level TensorFlow there; here Keras layers and the same kind of own loop) (the answer was not in the text found, cause checked by running)
Saw: a 1-3-3-1 sigmoid net fits 100 points if the cloud lies near 0, but gives a constant when the same cloud is moved away.
CAUSE: with x far from 0 and not centred the sigmoid units of the first layer are saturated, so hardly any gradient reaches them.
FIX: centre and scale x before training.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

import tensorflow as tf

rng = np.random.default_rng(0)
x = rng.uniform(38, 42, (100, 1)).astype("float32")
y = np.sin(1.2 * (x - 40)) + 0.05 * rng.normal(size=(100, 1)).astype("float32")
if GOOD:
    x = (x - x.mean()) / x.std()

net = keras.Sequential([layers.Input((1,)), layers.Dense(3, activation="sigmoid"),
                        layers.Dense(3, activation="sigmoid"), layers.Dense(1)])
opt = keras.optimizers.SGD(0.5)
xt, yt = tf.constant(x[:80]), tf.constant(y[:80].astype("float32"))

@tf.function
def step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(net(xt) - yt))
    g = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(g, net.trainable_variables))
    return loss

for i in range(8001):
    loss = step()
    if i % 2000 == 0:
        print(i, float(loss))
val = float(np.mean((net(x[80:]).numpy() - y[80:]) ** 2))
print(f"RESULT {sys.argv[1]} train={float(loss):.4f} val={val:.4f} (mse; variance of y {y.var():.3f})")
