"""Source: https://geek-answers.imtqy.com/articles/1267675/index.html (copy of a Stack Overflow answer, LSTM that continues a sine)
Saw: an LSTM trained on a sine and then fed with its own output does not go on with the sine.
CAUSE: look_back is 1, so every sample shows the LSTM one value only, from which it cannot tell whether the sine goes up or down.
FIX: samples of many time steps.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

look_back = 24 if GOOD else 1
wave = np.sin(np.arange(700) * 2 * np.pi / 9).astype("float32")

def windows(s):
    X = np.stack([s[i:i + look_back] for i in range(len(s) - look_back)])
    return X[..., None], s[look_back:][:, None]

X, y = windows(wave[:500])
Xv, yv = windows(wave[500:])
model = keras.Sequential([layers.Input((look_back, 1)), layers.LSTM(32), layers.Dense(1)])
model.compile(loss="mean_squared_error", optimizer="adam")
model.fit(X, y, epochs=40, batch_size=16, verbose=0)

window = list(Xv[0, :, 0])
free = []
for _ in range(60):
    nxt = float(model(np.array(window[-look_back:], "float32")[None, :, None])[0, 0])
    free.append(nxt)
    window.append(nxt)
print("own continuation mse", np.mean((np.array(free) - yv[:60, 0]) ** 2))
print(f"RESULT {sys.argv[1]} train={model.evaluate(X, y, verbose=0):.4f} val={model.evaluate(Xv, yv, verbose=0):.4f} (mse; variance 0.5)")
