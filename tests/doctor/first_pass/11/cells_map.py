"""
SOURCE: WeidiXie/cell_counting_v2#9 ("How to escape all zeros prediction?").
SAW: The network that should give a density map of the cells converges to zero everywhere, the
    loss is tiny from the second epoch on.
CAUSE: The map is almost everywhere zero and tiny elsewhere, so that a prediction of zero already has a
    very low mean squared error and there is hardly a gradient left to learn from.
FIX: Multiply the maps by 100.
"""
import sys

import numpy as np
import keras
from keras import layers
from keras.optimizers import SGD
from scipy.ndimage import gaussian_filter

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

SIZE = 48


def make_cells(n, rng):
    X = np.zeros((n, SIZE, SIZE, 1), "float32")
    Y = np.zeros((n, SIZE, SIZE, 1), "float32")
    for i in range(n):
        dots = np.zeros((SIZE, SIZE), "float32")
        for _ in range(rng.integers(3, 12)):
            dots[rng.integers(3, SIZE - 3), rng.integers(3, SIZE - 3)] += 1
        body = gaussian_filter(dots, 2.2)
        X[i, ..., 0] = 0.1 + 12 * body * rng.uniform(0.8, 1.2) + rng.normal(0, 0.03, dots.shape)
        Y[i, ..., 0] = gaussian_filter(dots, 1.0)
    return X, Y


rng = np.random.default_rng(0)
X_train, Y_train = make_cells(160, rng)
X_val, Y_val = make_cells(40, rng)

mean, std = X_train.mean(), X_train.std()
X_train = (X_train - mean) / std
X_val = (X_val - mean) / std

if GOOD:
    Y_train = 100.0 * Y_train
    Y_val = 100.0 * Y_val


def conv_relu(x, filters):
    x = layers.Conv2D(filters, 3, padding="same", kernel_initializer="orthogonal")(x)
    return layers.Activation("relu")(x)


def build_fcrn():
    inp = layers.Input((SIZE, SIZE, 1))
    b1 = conv_relu(inp, 12)
    p1 = layers.MaxPooling2D(2)(b1)
    b2 = conv_relu(p1, 24)
    p2 = layers.MaxPooling2D(2)(b2)
    b3 = conv_relu(p2, 48)
    u2 = layers.Concatenate()([layers.UpSampling2D(2)(b3), b2])
    b4 = conv_relu(u2, 24)
    u1 = layers.Concatenate()([layers.UpSampling2D(2)(b4), b1])
    b5 = conv_relu(u1, 12)
    density = layers.Conv2D(1, 1, use_bias=False, activation="linear",
                            kernel_initializer="orthogonal", name="pred")(b5)
    model = keras.Model(inp, density)
    model.compile(optimizer=SGD(learning_rate=1e-2, momentum=0.9, nesterov=True), loss="mse")
    return model


model = build_fcrn()
model.fit(X_train, Y_train, batch_size=8, epochs=15, validation_data=(X_val, Y_val), verbose=2)


def r2(X, Y):
    P = model.predict(X, verbose=0)
    print("cells per picture, predicted / true:",
          np.round(P.sum((1, 2, 3))[:5] / (100 if GOOD else 1), 1),
          np.round(Y.sum((1, 2, 3))[:5] / (100 if GOOD else 1), 1))
    return 1 - np.mean((P - Y) ** 2) / np.var(Y)


tr, va = r2(X_train, Y_train), r2(X_val, Y_val)
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={va:.3f} (R2 of the density map)")
