"""Source: https://discuss.tensorflow.org/t/potential-issue-difference-in-behavior-between-loss-function-and-model-compiled-loss/19359 (the reply was not in the text found, cause checked by running)
Saw: one Dense unit fits the data with fit, but not with an own train_step that calls the own mse instead of the compiled loss.
CAUSE: y has shape (n,) and the prediction (n, 1); y_true - y_pred broadcasts to (n, n), whose best answer is the mean for all.
FIX: use the compiled loss (which aligns the shapes) in train_step.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

import tensorflow as tf

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 3)).astype("float32")
Y = (X @ np.array([2.0, -1.0, 0.5], "float32") + 3).astype("float32")

def mse(y_true, y_pred):
    return tf.reduce_mean(tf.math.square(y_true - y_pred))

class LinearRegression(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = layers.Dense(1, kernel_initializer="zeros")

    def call(self, input_data, training=None):
        return self.layer(input_data)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            prediction = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=prediction) if GOOD else mse(y, prediction)
        g = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(g, self.trainable_variables))
        return {"loss": loss}

model = LinearRegression()
model.compile(optimizer=keras.optimizers.SGD(0.02), loss=mse)
h = model.fit(X[:500], Y[:500], epochs=40, batch_size=32, verbose=0)

def r2(x, y):
    return 1 - np.mean((model.predict(x, verbose=0)[:, 0] - y) ** 2) / y.var()

print("loss", h.history["loss"][-1])
print(f"RESULT {sys.argv[1]} train={r2(X[:500], Y[:500]):.3f} val={r2(X[500:], Y[500:]):.3f} (R2)")
