"""SOURCE: https://github.com/BrainJS/brain.js/issues/409 ("My result output gets exact and always 1 instead of 0.xxxx";
thread read as an excerpt that holds the question and the asker's own solution)
SEEN: Three-way decision red / green / blue (4:4:2) from inputs between 0 and 1. After training the answer is always
"Red", with exactly 1 (green 2.9e-7, blue 3.6e-13), for every input.
CAUSE: The rows come in long runs of one colour and the network learns one row at a time in file order; each run drives
the output units to "always this colour", and the last long run (red) decides.
FIX: Shuffle the rows before training.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

NAMES = ["red", "green", "blue"]
centres = rng.uniform(0.25, 0.75, (3, 10))


def rows(counts):
    xs, ys = [], []
    for colour, n in counts:
        x = centres[colour] + rng.normal(0, 0.19, (n, 10))
        xs.append(x)
        ys.append(np.full(n, colour))
    return np.clip(np.concatenate(xs), 0, 1).astype("float32"), np.concatenate(ys)


x_train, c_train = rows([(0, 400), (1, 1200), (2, 600), (0, 800)])
x_val, c_val = rows([(0, 400), (1, 400), (2, 200)])
y_train = np.eye(3, dtype="float32")[c_train]
y_val = np.eye(3, dtype="float32")[c_val]

if GOOD:
    order = rng.permutation(len(x_train))
    x_train, y_train, c_train = x_train[order], y_train[order], c_train[order]

net = keras.Sequential([
    keras.Input((10,)),
    layers.Dense(5, activation="sigmoid"),
    layers.Dense(3, activation="sigmoid"),
])
net.compile(optimizer=keras.optimizers.SGD(0.3, momentum=0.1), loss="mse")
net.fit(x_train, y_train, epochs=2, batch_size=1, shuffle=False, verbose=2)

for i in rng.choice(len(x_val), 6, replace=False):
    out = net.predict(x_val[i:i + 1], verbose=0)[0]
    print(NAMES[c_val[i]], {n: float(v) for n, v in zip(NAMES, out)})


def acc(x, c):
    return np.mean(net.predict(x, verbose=0).argmax(1) == c)


print(f"RESULT {'good' if GOOD else 'bad'} train={acc(x_train, c_train):.3f} val={acc(x_val, c_val):.3f} (accuracy)")
