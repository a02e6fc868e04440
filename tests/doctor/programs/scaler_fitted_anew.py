"""MinMaxScaler is fitted a second time on the validation days, which are cool ones only: -2 degrees become 0 there.

fit_transform instead of transform on the test part, one of the most frequent slips with scikit-learn's scalers.
"""

import keras
from keras import layers
from sklearn.preprocessing import MinMaxScaler

from doctor.toy_data.tables import weather

CAUSES = ("unscaled-evaluation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(413)
    (x, y), (xv, yv) = weather(n_train=1600, seed=13)
    scaler = MinMaxScaler()
    x = scaler.fit_transform(x)
    xv = scaler.transform(xv) if repaired else scaler.fit_transform(xv)
    mean, std = y.mean(), y.std()
    y, yv = (y - mean) / std, (yv - mean) / std
    inputs = layers.Input((3,))
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(3e-3), "mse", metrics=["mae"])
    model.fit(x, y, validation_data=(xv, yv), epochs=12, batch_size=32, callbacks=callbacks, verbose=0)
    return model
