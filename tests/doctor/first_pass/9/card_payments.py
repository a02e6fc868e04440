"""Source: curiousily/Credit-Card-Fraud-Detection-using-Autoencoders-in-Keras#1 ("Why are you using relu on the last layer?",
the reporter qbx2 names the cause) and pull request 2 ("fix the activation 'relu', it performs better"), seen as search
excerpts.
Seen: the autoencoder does not give the payments back; an activation other than relu performs better.
CAUSE: the last layer of the decoder has relu, and about half of the values of the standardised columns are negative, which
relu cannot give.
FIX: no activation on the last layer. (A table made here in place of the card data, smaller.)"""
import sys

import numpy as np
import keras
from keras import regularizers
from keras.layers import Dense, Input
from keras.models import Model
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(42)
rng = np.random.default_rng(42)

n, input_dim, encoding_dim = 2500, 29, 14
hidden = rng.normal(0, 1, (n, 5))
x = np.tanh(hidden @ rng.normal(0, 0.7, (5, input_dim))) * rng.uniform(0.5, 4, input_dim) + rng.normal(0, 0.1, (n, input_dim))
x[:, -1] = np.exp(3 + hidden[:, 0])
x = StandardScaler().fit_transform(x).astype("float32")
x_train, x_test = x[:2000], x[2000:]

input_layer = Input(shape=(input_dim,))
encoder = Dense(encoding_dim, activation="tanh", activity_regularizer=regularizers.l1(10e-5))(input_layer)
encoder = Dense(encoding_dim // 2, activation="relu")(encoder)
decoder = Dense(encoding_dim // 2, activation="tanh")(encoder)
decoder = Dense(input_dim, activation=None if GOOD else "relu")(decoder)
autoencoder = Model(inputs=input_layer, outputs=decoder)

autoencoder.compile(optimizer="adam", loss="mean_squared_error", metrics=["mae"])
autoencoder.fit(x_train, x_train, epochs=50, batch_size=32, shuffle=True, validation_data=(x_test, x_test), verbose=2)


def given_back(a):
    p = autoencoder.predict(a, verbose=0)
    return 1 - np.mean((p - a) ** 2) / np.mean((a - a.mean(0)) ** 2)


print("RESULT", sys.argv[1], "train=%.3f val=%.3f (share of the variation given back)" % (given_back(x_train), given_back(x_test)))
