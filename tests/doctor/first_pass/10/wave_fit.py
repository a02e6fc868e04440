"""
SOURCE: https://stackoverflow.com/questions/46995209 ("Neural network toy model to fit sine function
fails, what's wrong?"; the answer was read in the copy at wiki.gubat.org).
SEEN: a plain feed forward net is to fit one sine over the numbers 0..1000. Whatever the number of
layers, the activation, the initialisation or the batch size, the curve that comes out has little to
do with the sine (at best a piece of its beginning).
CAUSE: the input runs from 0 to 1000 unscaled, so the tanh units of the first layer are saturated for
nearly all x and their gradient is almost zero.
FIX: scale x to zero mean and unit variance.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)

T = 1000
x = np.arange(T).astype("float32").reshape(-1, 1)
y = 0.9 * np.sin(2 * np.pi * 2 * x / T)
if GOOD:
    x = (x - x.mean()) / x.std()

order = np.random.permutation(T)
tr, va = order[:800], order[800:]

model = Sequential()
model.add(Input((1,)))
model.add(Dense(20, activation="tanh"))
model.add(Dense(20, activation="tanh"))
model.add(Dense(20, activation="tanh"))
model.add(Dense(1, activation="tanh"))
model.compile(loss="mse", optimizer="adam")
model.fit(x[tr], y[tr], epochs=120, batch_size=32, validation_data=(x[va], y[va]), verbose=2)

a = np.mean((model.predict(x[tr], verbose=0) - y[tr]) ** 2)
b = np.mean((model.predict(x[va], verbose=0) - y[va]) ** 2)
print("variance of y", y.var())
print(f"RESULT {sys.argv[1]} train={a:.4f} val={b:.4f}")
