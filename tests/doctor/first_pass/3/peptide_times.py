"""
SOURCE: https://github.com/ProteomicsML/ProteomicsML/pull/203 ("Do not use ReLU activation for the final regression layer")

SEEN: going through the retention time tutorial, the LSTM network returns constantly 0 for all peptides of the
validation set; the loss does not move.

CAUSE: the last layer of the regression is Dense(1, activation='relu'); with an unlucky start its input is negative for
every peptide, the output is 0 and no gradient comes back.
FIX: no activation in the last layer.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(12)
rng = np.random.default_rng(100)

AMINO = "ACDEFGHIKLMNPQRSTVWY"
MAX_LEN = 22
hydrophobicity = rng.normal(0, 1, len(AMINO))


def peptides(n):
    x = np.zeros((n, MAX_LEN), dtype="int32")
    rt = np.zeros(n, dtype="float32")
    for i in range(n):
        k = rng.integers(7, MAX_LEN + 1)
        seq = rng.integers(0, len(AMINO), k)
        x[i, :k] = seq + 1
        rt[i] = hydrophobicity[seq].sum() * 6 + k + 40 + rng.normal(0, 1)
    return x, rt / 100.0


x_train, y_train = peptides(700)
x_val, y_val = peptides(200)
print("retention time / 100: mean %.2f, from %.2f to %.2f" % (y_train.mean(), y_train.min(), y_train.max()))

one_hot = np.eye(len(AMINO) + 1, dtype="float32")

model = keras.Sequential([
    keras.Input((MAX_LEN, len(AMINO) + 1)),
    layers.LSTM(24),
    layers.Dense(24, activation="relu"),
    layers.Dense(1, activation=None if GOOD else "relu"),
])
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mean_squared_error", metrics=["mae"])
h = model.fit(one_hot[x_train], y_train, epochs=20, batch_size=64, validation_data=(one_hot[x_val], y_val), verbose=2)
print("first predictions", model.predict(one_hot[x_val[:6]], verbose=0)[:, 0])
print("RESULT %s train=%.4f val=%.4f" % ("good" if GOOD else "bad", h.history["mae"][-1], h.history["val_mae"][-1]))
