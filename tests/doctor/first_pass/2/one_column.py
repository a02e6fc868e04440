"""
Source: https://stats.stackexchange.com/questions/284189 ("Simple Linear Regression in Keras")

Seen: one linear node that should predict one column from another; with the default SGD the
loss is nan in every epoch, only an absurdly small learning rate (1e-7) gives a usable line.

CAUSE: the input column (values in the hundreds and thousands) and the target are not normalised, so SGD diverges.
FIX: run both x and y through StandardScaler.
"""
import sys

import numpy as np
import keras
from keras.layers import Input, Dense
from keras.models import Model
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)

# living area (sqft) -> sale price (k$)
area = np.random.uniform(600, 4200, size=(180, 1))
price = 0.11 * area + 35 + np.random.normal(scale=25, size=area.shape)
x, y = area.astype("float32"), price.astype("float32")

if GOOD:
    x = StandardScaler().fit_transform(x)
    y = StandardScaler().fit_transform(y)

x_train, y_train = x[:150], y[:150]
x_test, y_test = x[150:], y[150:]

inputs = Input(shape=(1,))
preds = Dense(1, activation="linear")(inputs)
model = Model(inputs=inputs, outputs=preds)
sgd = keras.optimizers.SGD()
model.compile(optimizer=sgd, loss="mse", metrics=["mse"])
model.fit(x_train, y_train, batch_size=1, epochs=30, shuffle=False, verbose=2,
          validation_data=(x_test, y_test))


def r2(a, b):
    p = model.predict(a, verbose=0)
    return 1 - float(np.mean((p - b) ** 2) / np.var(b))


print(f"RESULT {sys.argv[1]} train={r2(x_train, y_train):.3f} val={r2(x_test, y_test):.3f} (R2)")
