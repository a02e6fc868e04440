"""Source: https://programbox.ru/2022/10/24/ (copy of a Stack Overflow question, "simple keras network stuck at 87.5%"). (the answer was not in the text found, cause checked by running)
Saw: a net that should say 1 if any of three bits is 1 stays at 87.5 % for every epoch, never gets 000.
CAUSE: the single output unit has softmax, which is 1 whatever the input is, so there is nothing to learn.
FIX: sigmoid on the output with binary_crossentropy.
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

train_images = np.array([[0,0,0],[0,0,1],[0,1,0],[0,1,1],[1,0,0],[1,0,1],[1,1,0],[1,1,1]], "float32")
train_labels = np.array([[0],[1],[1],[1],[1],[1],[1],[1]], "float32")

model = keras.Sequential()
model.add(layers.Input((3,)))
model.add(layers.Dense(6, activation="relu"))
model.add(layers.Dense(6, activation="relu"))
if GOOD:
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
else:
    model.add(layers.Dense(1, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(train_images, train_labels, epochs=700, batch_size=4, verbose=0)
pred = (model.predict(train_images, verbose=0) > 0.5).astype(int)
acc = float((pred == train_labels).mean())
print(pred.ravel())
print(f"RESULT {sys.argv[1]} train={acc:.3f} val={acc:.3f} (accuracy, the same eight rows)")
