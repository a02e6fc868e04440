"""Source: xiaochus/MSCNN#3 (pull request "[fix bug] the activation must not be relu, otherwise all is 0 and the prediction
too") and MSCNN#4 (question of wbchief and others), seen as search excerpts (Chinese).

What the person saw: crowd counting, the net that gives a density map predicts 0 everywhere.

CAUSE: relu on the output layer of the density map; the targets are nearly all 0 and tiny, the output goes below 0 and
then there is no gradient any more.
FIX: no relu on the output layer (linear).
(Whether the request changes only the output layer was not seen; pictures and the small net with kernels of several
sizes are mine.)
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 11
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(13)

SIZE = 48
yy, xx = np.mgrid[:SIZE, :SIZE]


def scene():
    img = rng.normal(0.45, 0.05, (SIZE, SIZE, 1))
    dens = np.zeros((SIZE, SIZE))
    for _ in range(rng.integers(1, 12)):
        cy, cx = rng.integers(4, SIZE - 4, 2)
        r2 = (yy - cy) ** 2 + (xx - cx) ** 2
        img[r2 < 6] = rng.uniform(0.75, 1.0)
        g = np.exp(-r2 / (2 * 2.0 ** 2))
        dens += g / g.sum()
    return img, dens.reshape(12, 4, 12, 4).sum((1, 3))[..., None]


def make(n):
    a, b = zip(*[scene() for _ in range(n)])
    return np.array(a, "float32"), np.array(b, "float32")


x_train, y_train = make(220)
x_val, y_val = make(80)


def msb(x, filters):
    parts = [layers.Conv2D(filters, k, padding="same", activation="relu")(x) for k in (3, 5, 7)]
    return layers.Concatenate()(parts)


inp = keras.Input((SIZE, SIZE, 1))
x = layers.Conv2D(16, 7, padding="same", activation="relu")(inp)
x = layers.MaxPooling2D()(x)
x = msb(x, 8)
x = layers.MaxPooling2D()(x)
x = msb(x, 8)
x = layers.Conv2D(32, 1, activation="relu")(x)
out = layers.Conv2D(1, 1, activation="linear" if GOOD else "relu")(x)
model = keras.Model(inp, out)
model.compile(keras.optimizers.SGD(learning_rate=0.2, momentum=0.9), loss="mse")
model.fit(x_train, y_train, batch_size=16, epochs=26, validation_data=(x_val, y_val), verbose=2)


def count_error(x, y):
    return float(np.abs(model.predict(x, verbose=0).sum((1, 2, 3)) - y.sum((1, 2, 3))).mean())


print("mean count", float(y_val.sum((1, 2, 3)).mean()), "largest output", float(model.predict(x_val, verbose=0).max()))
print("RESULT %s train=%.3f val=%.3f (mean error of the count)" % (
    sys.argv[1], count_error(x_train, y_train), count_error(x_val, y_val)))
