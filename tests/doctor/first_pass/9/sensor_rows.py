"""Source: tensorflow/tensorflow#38067 ("Custom Loss: Order of arguments", the reporter Arktius gives a masked MSE as the
case where it matters; thread seen as a search excerpt, the report ended in a change of the tutorial, tensorflow/docs#1528).
Seen: a loss of one's own written after the tutorial; with the plain MSE all is well, with the masked MSE, in which targets
that are missing stand as 0, the predictions are far too small.
CAUSE: the loss has its parameters as (prediction, target), as in the tutorial, but Keras calls it with (target, prediction),
so the mask is made from the predictions, which are never exactly 0, and the missing targets are learned as zeros.
FIX: parameters in the order (y_true, y_pred)."""
import random
import sys

import numpy as np
import tensorflow as tf
import keras
from keras.layers import Dense, Input
from keras.models import Sequential
from keras.optimizers import Adam

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(10)
random.seed(10)

# rows of a plant: 8 settings, 4 measured values; not every value was measured
n = 3000
x = np.random.uniform(-1, 1, (n, 8)).astype("float32")
a = np.random.normal(0, 1, (8, 4))
b = np.random.normal(0, 1, (8, 4))
full = (6.0 + x @ a + 1.5 * np.sin(2 * (x @ b))).astype("float32")
y = full.copy()
y[np.random.rand(n, 4) < 0.6] = 0.0
x_tr, y_tr, full_tr = x[:2400], y[:2400], full[:2400]
x_va, full_va = x[2400:], full[2400:]


def difference(predicted_y, target_y):
    known = tf.cast(tf.math.not_equal(target_y, 0.0), tf.float32)
    err = tf.square(predicted_y - target_y) * known
    return tf.reduce_sum(err) / tf.maximum(tf.reduce_sum(known), 1.0)


def masked_mse(y_true, y_pred):
    return difference(y_pred, y_true)


model = Sequential([Input((8,)), Dense(64, activation="relu"), Dense(64, activation="relu"), Dense(4)])
model.compile(optimizer=Adam(0.003), loss=masked_mse if GOOD else difference)
model.fit(x_tr, y_tr, epochs=60, batch_size=32, verbose=2)


def r2(x, t):
    p = model.predict(x, verbose=0)
    return 1 - np.mean((p - t) ** 2) / np.mean((t - t.mean(0)) ** 2)


print("first rows\n", model.predict(x_va[:3], verbose=0), "\n", full_va[:3])
print("RESULT", sys.argv[1], "train=%.3f val=%.3f (R2 on the values as they really were)" % (r2(x_tr, full_tr), r2(x_va, full_va)))
