"""Source: https://stats.stackexchange.com/questions/379884/why-cant-a-single-relu-learn-a-relu (the answer was not in the text found, cause checked by running)
Saw: one weight and a ReLU, trained on the ReLU itself, ends at weight 0 and stays there in half of the runs.
CAUSE: the weight starts negative; gradient descent brings it to 0, where the ReLU gives 0 on one side and the target 0 on the other, so no gradient is left.
FIX: start the weight on the side of the target (positive), as the runs that worked did.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

batch = 1000
rng = np.random.default_rng(0)

def tests():
    while True:
        X = rng.normal(size=(batch, 1)).astype("float32")
        yield X, np.maximum(X, 0)

model = keras.Sequential([layers.Input((1,)), layers.Dense(1, activation=None, use_bias=False)])
model.add(layers.ReLU())
model.set_weights([np.array([[10.0 if GOOD else -10.0]])])
model.compile(loss="mean_squared_error", optimizer="sgd")
h = model.fit(tests(), steps_per_epoch=100, epochs=20, verbose=0)
xv, yv = next(tests())
print("weight", model.get_weights()[0].ravel())
print(f"RESULT {sys.argv[1]} train={h.history['loss'][-1]:.4f} val={model.evaluate(xv, yv, verbose=0):.4f} (mse)")
