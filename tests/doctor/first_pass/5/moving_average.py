"""Source: Stack Overflow question "Proper shape of LSTM dataset for Keras" (copy in huggingface.co/datasets/nvidia/Nemotron-CC-Math-v1), question and start of the answer seen.

What the person saw: 1000 random digits, the LSTM shall give the average of the last three for each position.
The mean squared error does not go far below 2, however many units the LSTM has.

CAUSE: the series was reshaped to (1000, 1, 1), so every sample holds a single time step and the two earlier numbers are not in the input.
FIX: windows of three steps, shape (samples, 3, 1).
(Batch size 8 and 40 epochs in place of 1 and 20.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import LSTM, Dense, Input
from keras.optimizers import Adam

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)


def make(n):
    inp = np.random.randint(0, 10, size=(n,)).astype("float32")
    out = [inp[0], (inp[0] + inp[1]) / 2]
    for i in range(2, n):
        out.append((inp[i - 2] + inp[i - 1] + inp[i]) / 3)
    out = np.asarray(out)
    if GOOD:
        x = np.stack([inp[:-2], inp[1:-1], inp[2:]], axis=1)[:, :, None]
        return x, out[2:]
    return np.reshape(inp, (n, 1, 1)), out


x, y = make(1000)
x_test, y_test = make(300)

model = Sequential()
model.add(Input(x.shape[1:]))
model.add(LSTM(16))
model.add(Dense(1, activation="linear"))
model.compile(loss="mse", optimizer=Adam(learning_rate=0.001))
model.fit(x, y, epochs=40, batch_size=8, verbose=2, validation_data=(x_test, y_test))

tr = model.evaluate(x, y, verbose=0)
va = model.evaluate(x_test, y_test, verbose=0)
print("RESULT %s train=%.3f val=%.3f (mse, lower is better)" % (sys.argv[1], tr, va))
