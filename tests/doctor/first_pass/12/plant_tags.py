"""
Source: https://github.com/equinor/gordo/issues/430 ("Problem with loss")
Seen: an LSTM autoencoder (hourglass) in a pipeline behind a MinMaxScaler is fitted to the same kind
of data once with values from 0 to 1 and once from 0 to 100; the loss should be of the same size,
but it is huge for the second data.
CAUSE: only the input is scaled by the pipeline, the target (the same columns) stays at 0 to 100.
FIX: scale the target as well (TransformedTargetRegressor with a MinMaxScaler).
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.metrics import r2_score

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)

LOOKBACK, TAGS = 10, 10


class LSTMAutoEncoder(BaseEstimator, RegressorMixin):
    def __init__(self, lookback=LOOKBACK, epochs=12, batch_size=32):
        self.lookback, self.epochs, self.batch_size = lookback, epochs, batch_size

    def _windows(self, X):
        return np.stack([X[i:i + self.lookback] for i in range(len(X) - self.lookback + 1)]).astype("float32")

    def fit(self, X, y):
        n = X.shape[1]
        self.model_ = keras.Sequential([
            keras.Input((self.lookback, n)),
            layers.LSTM(8, activation="tanh", return_sequences=True),
            layers.LSTM(6, activation="tanh", return_sequences=True),
            layers.LSTM(6, activation="tanh", return_sequences=True),
            layers.LSTM(8, activation="tanh"),
            layers.Dense(n, activation="linear"),
        ])
        self.model_.compile(optimizer="adam", loss="mean_squared_error")
        self.history_ = self.model_.fit(self._windows(X), np.asarray(y)[self.lookback - 1:].astype("float32"),
                                        epochs=self.epochs, batch_size=self.batch_size, verbose=2)
        return self

    def predict(self, X):
        return self.model_.predict(self._windows(X), verbose=0)


steps = np.arange(3000)
base = np.stack([np.sin(2 * np.pi * steps / p + q) for p, q in [(60, 0), (170, 1), (400, 2)]], 1)
X = base @ rng.normal(0, 1, (3, TAGS)) + rng.normal(0, 0.1, (3000, TAGS))
X = (X - X.min(0)) / (X.max(0) - X.min(0)) * 100
X_train, X_test = X[:2400], X[2400:]

pipe = Pipeline([("scale", MinMaxScaler()), ("model", LSTMAutoEncoder())])
if GOOD:
    machine = TransformedTargetRegressor(regressor=pipe, transformer=MinMaxScaler(), check_inverse=False)
else:
    machine = pipe
machine.fit(X_train, X_train)


def score(part):
    return r2_score(part[LOOKBACK - 1:], machine.predict(part))


print(f"RESULT {sys.argv[1]} train={score(X_train):.3f} val={score(X_test):.3f} (R2)")
