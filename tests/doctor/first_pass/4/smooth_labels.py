"""
SOURCE: GitHub keras-team/keras#8993 ("A question in my custom loss"; own answer of ft512835, 2018-01-25)
SAW: custom loss built on categorical_crossentropy (label smoothing, e=0.1): the loss is much higher than with
     loss="categorical_crossentropy" and the expected results are not reached.
CAUSE: the arguments of the backend categorical_crossentropy are in the wrong order (prediction first, truth second).
FIX: categorical_crossentropy(y_true, y_pred) (and the uniform target first in the second term).
"""
import sys
import numpy as np
import keras
from keras import layers, ops
from sklearn.datasets import load_digits

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(5)

NUM_CLASSES = 30      # digit and colour
d = load_digits()
rng = np.random.RandomState(2)
colour = rng.randint(0, 3, len(d.target))
X = np.zeros((len(d.target), 8, 8, 3), "float32")
for i, c in enumerate(colour):
    X[i, :, :, c] = d.images[i] / 16.0
X += rng.normal(0, 0.1, X.shape)
Y = keras.utils.to_categorical(d.target * 3 + colour, NUM_CLASSES)
p = rng.permutation(len(X))
X, Y = X[p], Y[p]


def custom_loss(y_true, y_pred, e=0.1):
    uniform = ops.ones_like(y_pred) / NUM_CLASSES
    if GOOD:
        return (1 - e) * ops.categorical_crossentropy(y_true, y_pred) + e * ops.categorical_crossentropy(uniform, y_pred)
    return (1 - e) * ops.categorical_crossentropy(y_pred, y_true) + e * ops.categorical_crossentropy(y_pred, uniform)


inp = keras.Input((8, 8, 3))
x = layers.Conv2D(32, 3, padding="same", activation="relu")(inp)
x = layers.Conv2D(32, 3, activation="relu")(x)
x = layers.MaxPooling2D()(x)
x = layers.Flatten()(x)
x = layers.Dense(96, activation="relu")(x)
x = layers.Dense(NUM_CLASSES, activation="softmax")(x)
model = keras.Model(inp, x)
opt = keras.optimizers.Adam(1e-3)
model.compile(optimizer=opt, loss=custom_loss, metrics=["acc"])
h = model.fit(X[:1400], Y[:1400], epochs=20, batch_size=64, validation_data=(X[1400:], Y[1400:]), verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["acc"][-1], h.history["val_acc"][-1]))
