"""Source: keras-team/keras#321 ("LSTM with mean_squared_error doesn't reduce the loss over time"), question seen; the answer was not, the cause follows from the code.

What the person saw: two saw-like columns running from 1 to 10, one LSTM and a Dense(2); the mean squared error is
exactly the same at the end of every epoch, however many samples are given.

CAUSE: softmax on the output of a regression, whose two outputs lie in 0..1 and sum to 1 while the targets go from 1 to 10.
FIX: linear activation on the output.
(LSTM width cut from 150 to 48, fewer rows.)
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, LSTM, Dense, Activation

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)

t = np.arange(1600)
a = 1.0 + t % 10
b = 10.0 - t % 10
data = np.stack([a, b], axis=1).astype("float32")
steps = 12
X = np.array([data[i:i + steps] for i in range(len(data) - steps)])
y = data[steps:]
X_train, y_train, X_test, y_test = X[:1300], y[:1300], X[1300:], y[1300:]

model = Sequential()
model.add(Input((steps, 2)))
model.add(LSTM(48, return_sequences=False))
model.add(Dense(2))
model.add(Activation("linear" if GOOD else "softmax"))
model.compile(loss="mean_squared_error", optimizer="rmsprop")
model.fit(X_train, y_train, batch_size=32, epochs=30, validation_split=0.05, verbose=2)

print("RESULT %s train=%.3f val=%.3f (mse, lower is better)" % (
    sys.argv[1], model.evaluate(X_train, y_train, verbose=0), model.evaluate(X_test, y_test, verbose=0)))
