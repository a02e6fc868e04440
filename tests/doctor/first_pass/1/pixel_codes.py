"""
SOURCE: tensorflow/tensorflow#39432 (the same in #34380, #32950, #27924), "tensorflow.keras behaves wrongly in
autoencoder setup compared to keras"
SAW: the simple dense autoencoder of the blog post, optimizer='adadelta', converged with old Keras and does
not converge at all with tf.keras.
CAUSE: the default learning rate of Adadelta is 0.001 now (it was 1.0), far too low for it.
FIX: Adadelta(learning_rate=1.0).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import Input, Dense
from tensorflow.keras.models import Model
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)

x = load_digits().data.astype("float32") / 16.0
np.random.shuffle(x)
x_train, x_test = x[:1500], x[1500:]

row = Input(shape=(64,))
code = Dense(16, activation="relu")(row)
autoencoder = Model(row, Dense(64, activation="sigmoid")(code))

if GOOD:
    opt = keras.optimizers.Adadelta(learning_rate=1.0)
else:
    opt = "adadelta"
autoencoder.compile(optimizer=opt, loss="binary_crossentropy")
autoencoder.fit(x_train, x_train, epochs=80, batch_size=64, shuffle=True,
                validation_data=(x_test, x_test), verbose=2)


def explained(a):
    p = autoencoder.predict(a, verbose=0)
    return 1 - ((a - p) ** 2).sum() / ((a - x_train.mean(axis=0)) ** 2).sum()


print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], explained(x_train), explained(x_test)))
