"""
Source: https://stackoverflow.com/questions/47241622 ("Is it okay to use stateful Recurrent NN (LSTM) for classification")

Seen: rows of 128 binary values, two classes; a stateful LSTM with one output unit never gets
above ~55 % accuracy while a plain multilayer perceptron on the same rows reaches ~97 %.

CAUSE: the single output unit has a softmax activation, so the network outputs the constant 1 for every row.
FIX: use a sigmoid activation on the single output unit.
"""
import sys

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, LSTM, Dense
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(7)

# 128 bits per sample, seen by the LSTM as 16 steps of 8 bits
n = 5000
C = np.random.randint(0, 2, size=(n, 128)).astype("float32")
w = np.random.normal(size=128)
r = (C @ w > np.median(C @ w)).astype("float32")
C = C.reshape(n, 16, 8)

tr_C, ts_C, tr_r, ts_r = train_test_split(C, r, train_size=.8, random_state=1)

batch_size = 200
print(">>> Build STATEFUL model...")
model = Sequential()
model.add(Input(batch_shape=(batch_size, C.shape[1], C.shape[2])))
model.add(LSTM(64, return_sequences=False, stateful=True))
model.add(Dense(1, activation="sigmoid" if GOOD else "softmax"))

print(">>> Training...")
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.005), metrics=["accuracy"])
model.fit(tr_C, tr_r, batch_size=batch_size, epochs=25, shuffle=True,
          validation_data=(ts_C, ts_r), verbose=2)

train = model.evaluate(tr_C, tr_r, batch_size=batch_size, verbose=0)[1]
val = model.evaluate(ts_C, ts_r, batch_size=batch_size, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
