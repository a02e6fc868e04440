"""
Source: https://datascience.stackexchange.com/questions/68962 ("Celsius to Fahrenheit conversion simple neural network")

Seen: one Dense unit, 13 pairs of temperatures, Adam with learning rate 0.01, 500 epochs; the weight gets
close to 1.8 but the bias stays far from 32, so the converted temperatures are off.

CAUSE: 500 epochs (500 steps of Adam at 0.01) are too few for the bias to travel to 32; training just stops early.
FIX: train much longer (the asker went to 10,000 epochs; here 5,000).
"""
import sys

import numpy as np
import keras

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

celsius = np.array([-40, -25, -15, -10, -5, 0, 5, 8, 15, 22, 30, 35, 38], dtype="float32")[:, None]
fahrenheit = celsius * 1.8 + 32
c_test = np.array([-33, -20, -2, 3, 11, 18, 27, 33], dtype="float32")[:, None]
f_test = c_test * 1.8 + 32

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.01),
              metrics=["mean_absolute_error"])

epochs = 5000 if GOOD else 500
for epoch in range(epochs):
    loss, mae = model.train_on_batch(celsius, fahrenheit)
    if epoch % 250 == 0:
        print("epoch", epoch, "loss", round(float(loss), 4))

w, b = model.layers[-1].get_weights()
print("weight", float(w[0, 0]), "bias", float(b[0]))
train = model.evaluate(celsius, fahrenheit, verbose=0)[1]
val = model.evaluate(c_test, f_test, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (mean absolute error in degrees F)")
