"""
SOURCE: https://stackoverflow.com/questions/47241622/is-it-okay-to-use-stateful-recurrent-nn-lstm-for-classification
SAW: binary samples of 128 features, two classes, a stateful LSTM with one output unit: accuracy not above
55 %, while an MLP gets 97 %.
CAUSE: softmax on the single output unit gives the constant 1.
FIX: sigmoid on the output unit.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, LSTM, Dense
from sklearn.model_selection import train_test_split

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(47)
rng = np.random.default_rng(47)

n, length = 4000, 32
r = (rng.random(n) < 0.55).astype(int)
p = np.where(r == 1, 0.64, 0.36)
C = (rng.random((n, length)) < p[:, None]).astype("float32")[..., None]

C_tr, C_ts, r_tr, r_ts = train_test_split(C, r, train_size=.8, random_state=3)
batch_size = 100

model = Sequential()
model.add(Input(batch_shape=(batch_size, C.shape[1], C.shape[2])))
model.add(LSTM(32, return_sequences=False, stateful=True))
if GOOD:
    model.add(Dense(1, activation="sigmoid"))
else:
    model.add(Dense(1, activation="softmax"))

model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
h = model.fit(C_tr, r_tr, batch_size=batch_size, epochs=15, shuffle=True,
              validation_data=(C_ts, r_ts), verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
