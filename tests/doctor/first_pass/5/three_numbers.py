"""Source: https://stackoverflow.com/questions/44601367 ("Keras autoencoder simple example has a strange output"), question seen; cause follows from the code (answer 44601622).

What the person saw: an autoencoder 3 -> 3 -> 3 trained on rows that are all [1, 2, 3]; the output is about
[0.80, 0.89, 0.91] for every row, whatever the number of epochs, rows or the batch size.

CAUSE: the decoder ends in a sigmoid, which cannot give values above 1, while the targets are 1, 2 and 3.
FIX: linear activation on the decoder.
(Adam(0.02) in place of adadelta, which is far slower in Keras 3.)
"""
import sys
import numpy as np
import keras
from keras.layers import Input, Dense
from keras.models import Model

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)

encoding_dim = 3
x_train = np.array([[1, 2, 3]] * 9, dtype="float32")
x_test = np.array([[1, 2, 3]] * 3, dtype="float32")

inp = Input(shape=(3,))
encoded = Dense(encoding_dim, activation="relu")(inp)
decoded = Dense(3, activation="linear" if GOOD else "sigmoid")(encoded)

autoencoder = Model(inp, decoded)
autoencoder.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
autoencoder.fit(x_train, x_train, epochs=100, batch_size=4, verbose=0)

print(autoencoder.predict(x_test, verbose=0))
tr = np.abs(autoencoder.predict(x_train, verbose=0) - x_train).mean()
va = np.abs(autoencoder.predict(x_test, verbose=0) - x_test).mean()
print("RESULT %s train=%.3f val=%.3f (mean absolute error, lower is better)" % (sys.argv[1], tr, va))
