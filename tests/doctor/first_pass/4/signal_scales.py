"""
SOURCE: GitHub haidark/WaveletDeconv#1 ("Learnable"; SchwinnL, 2019-09-11)
SAW: a wavelet layer that should learn the scales of its filters, used on 1-D signals: the network trains "for some time"
     but the scales never change, and the net stays much worse than it should be.
CAUSE: the layer makes its own variable and lists it itself (old API), so Keras does not know the weight and never trains it.
FIX: create the weight with self.add_weight(...).
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(2)
rng = np.random.RandomState(2)
T = 200


class WaveletBank(layers.Layer):
    """convolution with Mexican-hat filters whose widths are parameters"""

    def __init__(self, nb_widths, kernel_length=65, **kw):
        super().__init__(**kw)
        self.nb_widths = nb_widths
        self.kernel_length = kernel_length
        self.grid = np.arange(kernel_length, dtype="float32") - kernel_length // 2

    def build(self, input_shape):
        start = np.linspace(0.8, 1.6, self.nb_widths).astype("float32")
        if GOOD:
            self.W = self.add_weight(shape=(self.nb_widths,), name="widths",
                                     initializer=lambda shape, dtype=None: tf.constant(start))
        else:
            self.W = tf.Variable(start, name="widths")
            self.params_to_learn = [self.W]

    def call(self, x):
        w = tf.maximum(tf.convert_to_tensor(self.W), 0.3)[None, :]
        g = tf.constant(self.grid)[:, None]
        u = tf.square(g / w)
        bank = 2.0 / (tf.sqrt(3.0 * w) * np.pi ** 0.25) * (1 - u) * tf.exp(-u / 2)
        return tf.nn.conv1d(x, bank[:, None, :], stride=1, padding="SAME")


def recordings(n):
    y = rng.randint(0, 2, n)
    t = np.arange(T)
    X = np.zeros((n, T, 1), "float32")
    for i in range(n):
        period = (22 if y[i] else 60) * rng.uniform(0.9, 1.1)
        X[i, :, 0] = 0.7 * np.sin(2 * np.pi * t / period + rng.uniform(0, 6.28)) + rng.normal(0, 1.2, T)
    return X, y


X, y = recordings(800)
Xv, yv = recordings(300)
inp = keras.Input((T, 1))
h = WaveletBank(4, name="bank")(inp)
h = layers.Lambda(lambda v: tf.math.log(tf.reduce_mean(tf.square(v), axis=1) + 1e-3))(h)
h = layers.BatchNormalization()(h)
h = layers.Dense(16, activation="relu")(h)
out = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(inp, out)
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
hist = model.fit(X, y, epochs=40, batch_size=32, validation_data=(Xv, yv), verbose=2)
print("widths:", np.array(model.get_layer("bank").W))
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], hist.history["accuracy"][-1], np.mean(hist.history["val_accuracy"][-5:])))
