"""
SOURCE: https://github.com/BrainJS/brain.js/issues/98 ("net.run gives same response regardless of input"), excerpt seen
    (comments of March 2018: mildrenben's colour picker and the maintainer's answer).
SEEN: After training the net gives the same response regardless of the input.
CAUSE: The inputs are not normalised (colour channels from 0 to 255) while the net has a small hidden layer of sigmoids:
    the hidden units are saturated for every input, their output is a constant 0 or 1 and their gradient 0.
    (The maintainer: "the issue here is normalization of data when using a sigmoid activation".)
FIX: Divide the colours by 255.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)


def votes(n):
    rgb = rng.integers(0, 256, (n, 3))
    light = rgb @ np.array([0.35, 0.5, 0.15]) + rng.normal(0, 12, n)
    dark_text = (light > 130).astype(int)
    flip = rng.random(n) < 0.04
    dark_text[flip] = 1 - dark_text[flip]
    return rgb.astype("float32"), np.stack([dark_text, 1 - dark_text], axis=1).astype("float32")


x_train, y_train = votes(300)
x_val, y_val = votes(300)
if GOOD:
    x_train, x_val = x_train / 255.0, x_val / 255.0


def init():
    return keras.initializers.RandomUniform(-0.2, 0.2)


net = keras.Sequential([
    layers.Input((3,)),
    layers.Dense(3, activation="sigmoid", kernel_initializer=init(), bias_initializer=init()),
    layers.Dense(2, activation="sigmoid", kernel_initializer=init(), bias_initializer=init()),
])
net.compile(optimizer=keras.optimizers.SGD(learning_rate=0.3, momentum=0.1), loss="mse",
            metrics=["categorical_accuracy"])

for part in range(3):
    h = net.fit(x_train, y_train, batch_size=1, epochs=5, verbose=0)
    print("iterations:", 5 * (part + 1), "training error:", round(h.history["loss"][-1], 4))

for rgb in x_val[:4]:
    print(rgb, net.predict(rgb[None], verbose=0)[0])

tr = net.evaluate(x_train, y_train, verbose=0)[1]
te = net.evaluate(x_val, y_val, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={te:.3f} (accuracy)")
