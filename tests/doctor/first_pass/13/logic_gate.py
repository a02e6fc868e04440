"""
SOURCE: https://ai.stackexchange.com/questions/27010/why-does-my-neural-network-to-solve-the-xor-problem-always-output-0-5
    question seen, answer seen (beginning, in a copy of the page).
SEEN: A network for XOR with two outputs (0,1)/(1,0) and the logistic loss: after a couple of epochs it always
    outputs 0.5 and 0.5.
CAUSE: There is no hidden layer: the two inputs go straight to the two normalised output neurons, which can only draw
    one straight line; XOR is not linearly separable, the best such a net can do is 0.5 everywhere.
FIX: A hidden layer before the outputs.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)


def gate(n):
    bits = rng.integers(0, 2, (n, 2))
    y = bits[:, 0] ^ bits[:, 1]
    x = bits + rng.normal(0, 0.2, (n, 2))
    return x.astype("float32"), np.stack([y, 1 - y], axis=1).astype("float32")


x_train, y_train = gate(400)
x_val, y_val = gate(200)

model = keras.Sequential([layers.Input((2,))])
if GOOD:
    model.add(layers.Dense(4, activation="tanh"))
model.add(layers.Dense(2, activation="softmax"))
model.compile(optimizer=keras.optimizers.SGD(0.3), loss="binary_crossentropy", metrics=["categorical_accuracy"])

model.fit(x_train, y_train, batch_size=4, epochs=40, validation_data=(x_val, y_val), verbose=2)

print(model.predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype="float32"), verbose=0))
tr = model.evaluate(x_train, y_train, verbose=0)[1]
te = model.evaluate(x_val, y_val, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={te:.3f} (accuracy)")
