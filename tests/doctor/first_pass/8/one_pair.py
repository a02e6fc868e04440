"""Source: https://thinbug.com/q/49867234 (Chinese copy of Stack Overflow 49867234, "Why is Keras so unwilling to make
predictions outside [-1, 1]"), question and answer seen.

What the person saw: one Dense unit is fitted to the single pair x = 0, y = 42; after 1000 epochs it predicts 1.009. With 0.42 in
place of 42 it is right.

CAUSE: the target is far from the scale of the weights: rmsprop moves the bias by about its rate of 0.001 in each step, so 1000
steps only get it to 1.
FIX: scale the target (here divide by 100, and multiply the prediction by 100); the answer says that this is why one normalises
(its other way, mse and 50000 epochs, is the same cure by patience).
(500 epochs here, for the running time.)
"""
import sys
import numpy as np
from keras.layers import Input, Dense
from keras.models import Model
from keras.utils import set_random_seed

GOOD = sys.argv[1] == "good"
set_random_seed(42)

inp = Input(shape=[1])
out = Dense(units=1, activation="linear")(inp)
model = Model(inputs=inp, outputs=out)
model.compile(loss="mean_absolute_error", optimizer="rmsprop")

x = np.array([[0.0]])
y = np.array([[42.0]])
unit = 100.0 if GOOD else 1.0

history = model.fit(x, y / unit, epochs=500, verbose=0)
print("loss at the start and the end:", history.history["loss"][0], history.history["loss"][-1])
prediction = model.predict(x, verbose=0) * unit
print(prediction)
error = abs(float(prediction[0, 0]) - 42.0)
print(f"RESULT {sys.argv[1]} train={error:.3f} val={error:.3f} (absolute error in the person's units, the one pair; y is 42)")
