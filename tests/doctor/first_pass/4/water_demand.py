"""
SOURCE: GitHub aildnont/water-forecast#5 (pull request "Fix forecasting for neural nets", merged 2020-10-28)
SAW: the recurrent model fits the daily consumption, but the multi-day forecast made with it is bad.
CAUSE: at each step of the forecast the window of recent values is moved in the wrong direction, so the new prediction does not
       come in at the end and the order of the inputs is destroyed.
FIX: move the window back by one and put the new value at its end.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(14)
rng = np.random.RandomState(14)
T_X = 21

days = np.arange(1200)
use = 100 + 18 * np.sin(2 * np.pi * days / 7) + 9 * np.sin(2 * np.pi * days / 30) + rng.normal(0, 2, len(days))
hold = 60
lo, hi = use[:-hold].min(), use[:-hold].max()
z = ((use - lo) / (hi - lo)).astype("float32")
past, future = z[:-hold], z[-hold:]

X = np.stack([past[i:i + T_X] for i in range(len(past) - T_X)])[..., None]
Y = past[T_X:]


class GRUModel:
    def __init__(self):
        self.model = keras.Sequential([keras.Input((T_X, 1)), layers.GRU(24), layers.Dense(16, activation="relu"), layers.Dense(1)])
        self.model.compile("adam", "mae")

    def fit(self):
        return self.model.fit(X, Y, epochs=25, batch_size=32, verbose=2)

    def forecast(self, recent_data, days):
        recent = recent_data.copy()
        preds = np.zeros(days, "float32")
        for i in range(days):
            preds[i] = self.model(recent[None, :, None], training=False).numpy()[0, 0]
            if GOOD:
                recent[:-1] = recent[1:].copy()
            else:
                recent[1:] = recent[:-1].copy()
            recent[-1] = preds[i]
        return preds


m = GRUModel()
m.fit()
one_step = m.model.evaluate(X, Y, verbose=0) * (hi - lo)
pred = m.forecast(past[-T_X:], hold)
err = np.abs(pred - future).mean() * (hi - lo)
print("RESULT %s train=%.2f val=%.2f (mae: one step on the past / %d-day forecast)" % (sys.argv[1], one_step, err, hold))
