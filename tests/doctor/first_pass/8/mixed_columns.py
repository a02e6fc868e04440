"""Source: keras-team/keras#16797 (also keras-team/tf-keras#513, "Unpredictable behaviour of tracked variables in subclassing
layers and models"), description and parts of the thread seen.

What the person saw: in a layer of their own, whose weights are put into a list with append, the weights are not among
trainable_weights and so are not trained; the model trains without a message.

CAUSE: the weights of the layer are tf.Variable objects appended to a list, which Keras does not track, so only the last Dense
layer is trained.
FIX: make them with self.add_weight (the reporter: "it works in every case").
"""
import sys
import numpy as np
import tensorflow as tf
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.default_rng(21)

COLUMNS = 8
x = rng.uniform(-1, 1, size=(2500, COLUMNS)).astype("float32")
y = (np.sin(3 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + np.abs(x[:, 3] - x[:, 4]) + 0.05 * rng.normal(size=len(x)))
y = ((y - y.mean()) / y.std()).astype("float32")[:, None]
x_train, y_train, x_val, y_val = x[:2000], y[:2000], x[2000:], y[2000:]


class Mixing(keras.layers.Layer):
    """Several rounds of: mix the columns, add a shift, relu."""

    def __init__(self, rounds, width, **kwargs):
        super().__init__(**kwargs)
        self.rounds = rounds
        self.width = width

    def build(self, input_shape):
        self.mixers = []
        self.shifts = []
        n = input_shape[-1]
        start = keras.initializers.GlorotUniform(seed=4)
        for i in range(self.rounds):
            if GOOD:
                self.mixers.append(self.add_weight(shape=(n, self.width), initializer="glorot_uniform", name=f"mixer{i}"))
                self.shifts.append(self.add_weight(shape=(self.width,), initializer="zeros", name=f"shift{i}"))
            else:
                self.mixers.append(tf.Variable(start((n, self.width)), name=f"mixer{i}"))
                self.shifts.append(tf.Variable(tf.zeros((self.width,)), name=f"shift{i}"))
            n = self.width

    def call(self, inputs):
        h = inputs
        for mixer, shift in zip(self.mixers, self.shifts):
            h = tf.nn.relu(tf.matmul(h, mixer) + shift)
        return h

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.width)


class Estimator(keras.Model):
    def __init__(self):
        super().__init__()
        self.mixing = Mixing(rounds=3, width=32)
        self.out = keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.mixing(inputs))


model = Estimator()
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")
model.fit(x_train, y_train, validation_data=(x_val, y_val), batch_size=50, epochs=60, verbose=2)
tr = model.evaluate(x_train, y_train, verbose=0)
va = model.evaluate(x_val, y_val, verbose=0)
print(f"RESULT {sys.argv[1]} train={tr:.4f} val={va:.4f} (mse; variance of y 1.0)")
