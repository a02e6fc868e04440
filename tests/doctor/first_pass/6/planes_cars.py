"""Source: https://it.cha138.com/wen1/show-438205.html (copy of a Stack Overflow question, "Accuracy remains constant after every epoch") (the answer was not in the text found, cause checked by running)
Saw: two classes of photos (planes, cars); loss 7.97 and accuracy 0.5000 in every epoch, training and validation alike.
CAUSE: Dense(1) with softmax always gives 1, so the loss has no gradient.
FIX: sigmoid on the one output unit (the sigmoids before it become relu, as usual in hidden layers).
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

rng = np.random.default_rng(0)

def photo(kind):
    img = rng.uniform(0, 90, (32, 32, 3))
    r, c = rng.integers(8, 24, 2)
    col = rng.uniform(140, 255, 3)
    if kind == 0:
        img[r - 1:r + 2, c - 8:c + 8] = col
        img[r - 8:r + 8, c - 1:c + 2] = col
    else:
        img[r - 4:r + 4, c - 7:c + 7] = col
    return img

y = np.tile([0, 1], 400)
X = np.stack([photo(k) for k in y]).astype("float32") / 255.0
act = "relu" if GOOD else "sigmoid"
model = keras.Sequential()
model.add(layers.Input((32, 32, 3)))
model.add(layers.Conv2D(16, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D(2, 2))
model.add(layers.Conv2D(32, (3, 3), activation="relu"))
model.add(layers.MaxPooling2D(2, 2))
model.add(layers.Conv2D(32, (3, 3), activation=act))
model.add(layers.MaxPooling2D(2, 2))
model.add(layers.Flatten())
for _ in range(3):
    model.add(layers.Dense(32, activation=act))
model.add(layers.Dense(1, activation="sigmoid" if GOOD else "softmax"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(X[:600], y[:600], batch_size=32, epochs=10, validation_data=(X[600:], y[600:]), verbose=2)
print(f"RESULT {sys.argv[1]} train={model.evaluate(X[:600], y[:600], verbose=0)[1]:.3f} val={model.evaluate(X[600:], y[600:], verbose=0)[1]:.3f} (accuracy)")
