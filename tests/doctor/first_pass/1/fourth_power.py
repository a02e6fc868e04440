"""
SOURCE: http://stackoverflow.com.mevn.net/questions/52800582 (copy of Stack Overflow 52800582,
"Why do I fail to predict y=x**4 with Keras? (y=x**3 works)")
SAW: a small dense network fitted to y = x**4 for x in [-100, 100]; the loss hardly moves and the curve
is not found at all.
CAUSE: inputs up to 100 saturate the sigmoid layer and targets up to 1e8 are out of reach of the initial
weights, the scale of the data does not fit the network.
FIX: scale x and y to about [-1, 1] before training.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense
from sklearn.metrics import r2_score

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

x = np.arange(-100, 100, 0.2)
y = x ** 4
x_new = np.random.uniform(-100, 100, 300)
y_new = x_new ** 4

if GOOD:
    x, x_new = x / 100.0, x_new / 100.0
    y, y_new = y / 1e8, y_new / 1e8

model = Sequential()
model.add(Input((1,)))
model.add(Dense(50, activation="sigmoid"))
model.add(Dense(50, activation="elu"))
model.add(Dense(1))
model.compile(loss="mse", optimizer="adam", metrics=["mae"])
model.fit(x, y, epochs=250, batch_size=50, verbose=0)

p = model.predict(x, verbose=0)[:, 0]
p_new = model.predict(x_new, verbose=0)[:, 0]
print("first predictions", p[:4], "should be", y[:4])
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], r2_score(y, p), r2_score(y_new, p_new)))
