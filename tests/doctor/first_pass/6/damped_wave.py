"""Source: https://geek-questions.imtqy.com/articles/1674123/index.html (copy of a Stack Overflow question on a stateful LSTM; the answer was not in the text found, cause checked by running)
Saw: a stateful LSTM with batch size 1 does not learn the next value of a damped cosine, the points stay off after hundreds of epochs.
CAUSE: fit shuffles the samples, so the carried state belongs to an unrelated earlier step.
FIX: shuffle=False.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

n_steps = 60
x = np.arange(0, 30, 0.5)
x = np.cos(x) * (30 - x) / 30
y = np.roll(x, -1)
y[-1] = x[-1]
x = x.reshape(n_steps, 1, 1).astype("float32")
y = y.reshape(n_steps, 1, 1).astype("float32")

l1 = layers.LSTM(50, return_sequences=True, stateful=True)
l2 = layers.LSTM(50, return_sequences=True, stateful=True)
model = keras.Sequential([keras.Input(batch_shape=(1, 1, 1)), l1, l2, layers.Dense(1)])
model.compile(loss="mse", optimizer="rmsprop")
for i in range(60):
    l1.reset_states()
    l2.reset_states()
    h = model.fit(x, y, epochs=1, batch_size=1, verbose=0, **({"shuffle": False} if GOOD else {}))
l1.reset_states()
l2.reset_states()
p = model.predict(x, batch_size=1, verbose=0)
mse = float(np.mean((p - y) ** 2))
print(f"RESULT {sys.argv[1]} train={h.history['loss'][-1]:.4f} val={mse:.4f} (mse; val = the series in order; variance {y.var():.3f})")
