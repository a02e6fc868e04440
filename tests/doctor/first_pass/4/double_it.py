"""
SOURCE: GitHub keras-team/keras#3040 ("Simple Linear Regression Nan's after a few iterations."; own answer of bcarpenter-pub)
SAW: y = 2x for x = 0..199, one Dense(1), SGD(0.001), batch_size 1: weights and predictions are nan.
CAUSE: the learning rate is too high for inputs as large as 199 (the steps overshoot and grow).
FIX: a much smaller learning rate (here 0.00001).
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from keras.optimizers import SGD

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(123)

x = 1.0 * np.array(range(200))
y = 2.0 * x

model = Sequential()
model.add(Input((1,)))
model.add(Dense(1))

lr = 0.00001 if GOOD else 0.001
sgd = SGD(learning_rate=lr, momentum=0.0, nesterov=False)
model.compile(loss="mean_squared_error", optimizer=sgd)
model.fit(x[:, None], y, epochs=5, batch_size=1, verbose=2)
score = model.predict(x[:10, None], batch_size=10, verbose=0)
for layer in model.layers:
    print(layer.name, layer.get_weights())
print(score.ravel())
xv = x[:, None] + 0.5
print("RESULT %s train=%.4g val=%.4g (mse)" % (
    sys.argv[1], model.evaluate(x[:, None], y, verbose=0), model.evaluate(xv, 2 * xv[:, 0], verbose=0)))
