"""
SOURCE: https://stackoverflow.com/questions/52800582 ("Why do I fail to predict y=x**4 with Keras? (y=x**3 works)")

SEEN: a small network is fitted to y = x**4 on the numbers from -100 to 100; the loss stays astronomically high and the
predictions are nowhere near the curve.

CAUSE: inputs up to 100 saturate the sigmoid layer, and targets up to 1e8 are out of reach for a network with
initial weights below 0.35 and the usual step sizes.
FIX: scale x and y to about one before fitting (and the predictions back).
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)

x = np.arange(-100, 100, 0.5).reshape(-1, 1)
y = x ** 4

x_scale, y_scale = (100.0, 1e8) if GOOD else (1.0, 1.0)
order = np.random.permutation(len(x))
x, y = x[order], y[order]
x_train, y_train, x_val, y_val = x[:320], y[:320], x[320:], y[320:]

model = Sequential()
model.add(Input((1,)))
model.add(Dense(50, activation="sigmoid"))
model.add(Dense(50, activation="elu"))
model.add(Dense(1))
model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.01))
model.fit(x_train / x_scale, y_train / y_scale, epochs=300, batch_size=32, verbose=0)


def r2(a, b):
    p = model.predict(a / x_scale, verbose=0) * y_scale
    return 1 - float(((p - b) ** 2).sum() / ((b - b.mean()) ** 2).sum())


for v in (-90.0, -20.0, 0.0, 50.0, 80.0):
    print(v, v ** 4, model.predict(np.array([[v / x_scale]]), verbose=0)[0, 0] * y_scale)
print("RESULT %s train=%.4f val=%.4f" % ("good" if GOOD else "bad", r2(x_train, y_train), r2(x_val, y_val)))
