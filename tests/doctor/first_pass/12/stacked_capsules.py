"""
SOURCE: XifengGuo/CapsNet-Keras issue #43 ("Multiple digitcaps layers generate nan
training loss"), https://github.com/XifengGuo/CapsNet-Keras/issues/43 (answer of
the owner)

SEEN: a second capsule layer is put between the primary capsules and the digit
capsules of a CapsNet for handwritten digits; the training loss becomes nan.
(Here: scikit-learn's digits, a small CapsNet without the decoder.)

CAUSE: the default initial values of the transformation matrices W are far too
small; through two squashed layers the capsules shrink to nothing, and the length
(a square root) has no finite derivative there.
FIX: initialise W from random_uniform(-1, 1).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers, ops, initializers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)

digits = load_digits()
X = np.kron(digits.images / 16.0, np.ones((2, 2)))[..., None].astype("float32")   # 16 x 16
Y = keras.utils.to_categorical(digits.target, 10)
x_train, x_test, y_train, y_test = train_test_split(X, Y, test_size=360, random_state=0, stratify=digits.target)


def squash(v, axis=-1):
    n2 = ops.sum(ops.square(v), axis, keepdims=True)
    return n2 / (1 + n2) / ops.sqrt(n2 + keras.backend.epsilon()) * v


class Length(layers.Layer):
    def call(self, v):
        return ops.sqrt(ops.sum(ops.square(v), -1))


class CapsuleLayer(layers.Layer):
    def __init__(self, num_capsule, dim_capsule, routings=3, **kwargs):
        super().__init__(**kwargs)
        self.num_capsule, self.dim_capsule, self.routings = num_capsule, dim_capsule, routings
        if GOOD:
            self.kernel_initializer = initializers.RandomUniform(-1, 1)
        else:
            self.kernel_initializer = initializers.get("glorot_uniform")

    def build(self, shape):
        self.input_num = shape[1]
        self.W = self.add_weight(name="W", shape=(self.num_capsule, shape[1], self.dim_capsule, shape[2]),
                                 initializer=self.kernel_initializer)

    def call(self, u):
        u_hat = ops.einsum("bid,jied->bjie", u, self.W)
        b = ops.zeros_like(u_hat[..., 0])
        for r in range(self.routings):
            c = ops.softmax(b, axis=1)
            v = squash(ops.sum(c[..., None] * u_hat, axis=2))
            if r < self.routings - 1:
                b = b + ops.sum(v[:, :, None, :] * u_hat, -1)
        return v


def PrimaryCap(x, dim_capsule, n_channels):
    x = layers.Conv2D(dim_capsule * n_channels, 5, strides=2, padding="valid")(x)
    x = layers.Reshape((-1, dim_capsule))(x)
    return layers.Lambda(squash)(x)


x = keras.Input((16, 16, 1))
conv1 = layers.Conv2D(32, 5, activation="relu")(x)
primarycaps = PrimaryCap(conv1, dim_capsule=8, n_channels=4)
digitcaps2 = CapsuleLayer(num_capsule=10, dim_capsule=16, name="digitcaps2")(primarycaps)
digitcaps = CapsuleLayer(num_capsule=10, dim_capsule=16, name="digitcaps")(digitcaps2)
out_caps = Length(name="capsnet")(digitcaps)
model = keras.Model(x, out_caps)


def margin_loss(y_true, y_pred):
    L = y_true * ops.square(ops.maximum(0.0, 0.9 - y_pred)) + \
        0.5 * (1 - y_true) * ops.square(ops.maximum(0.0, y_pred - 0.1))
    return ops.mean(ops.sum(L, 1))


model.compile(optimizer=keras.optimizers.Adam(0.001), loss=margin_loss, metrics=["categorical_accuracy"])
model.fit(x_train, y_train, batch_size=50, epochs=8, validation_data=(x_test, y_test), verbose=2)


def acc(X, Y):
    return float(np.mean(np.argmax(model.predict(X, verbose=0), 1) == np.argmax(Y, 1)))


print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], acc(x_train, y_train), acc(x_test, y_test)))
