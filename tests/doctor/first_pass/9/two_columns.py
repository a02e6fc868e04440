"""Source: https://huslhub.com/questions/1586517 (Russian copy of a ru.stackoverflow question on an LSTM and normalisation;
question and answer seen).
Seen: with the two columns as they are the LSTM learns the ten rows (loss 0.02), after StandardScaler on the columns the
output is nonsense.
CAUSE: the target (1001 ... 10001) is not scaled and far from what the net gives for standardised inputs.
FIX: scale Y too ("converges much better, with and without the scaling of X"), and take the scaling back on the predictions."""
import sys

import numpy as np
import keras
from keras.layers import LSTM, Dense, Input
from keras.models import Sequential
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(2)

X1 = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
X2 = np.array([1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000])
Y = np.array([1001, 2001, 3001, 4001, 5001, 6001, 7001, 8001, 9001, 10001], dtype=float)
X = np.column_stack((X1, X2))

sc = StandardScaler()
X_inp = sc.fit_transform(X).reshape(10, 1, 2)

target = Y
if GOOD:
    sy = StandardScaler()
    target = sy.fit_transform(Y.reshape(-1, 1))

model = Sequential()
model.add(Input((1, 2)))
model.add(LSTM(200, activation="relu"))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mse")
model.fit(X_inp, target, epochs=300, verbose=2)


def predict(rows):
    p = model.predict(sc.transform(rows).reshape(len(rows), 1, 2), verbose=0)
    return sy.inverse_transform(p)[:, 0] if GOOD else p[:, 0]


new = np.array([[2.5, 2500], [5.5, 5500], [7.5, 7500]])
print(np.round(predict(X), 1))
print(np.round(predict(new), 1))
print("RESULT", sys.argv[1], "train=%.1f val=%.1f (mean absolute error in the units of Y; Y is 1001 ... 10001)"
      % (np.abs(predict(X) - Y).mean(), np.abs(predict(new) - (new[:, 1] + 1)).mean()))
