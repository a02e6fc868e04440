"""SOURCE: https://github.com/YujiaBao/ls/issues/1 ("No activation function in MLP?"; read whole, confirmed and fixed by the author)
SEEN: The dense network of the paper has relu units in its hidden layers, the code has a plain chain of linear layers. It
trains without an error, but is no better than a linear model, on the training rows too.
CAUSE: No non-linear activation between the dense layers, so that the whole network is one linear map.
FIX: relu on the hidden layers.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)


def compounds(n):
    x = rng.normal(0, 1, (n, 14))
    x[:, 10:] = rng.uniform(size=(n, 4)) < 0.3
    score = x[:, 0] * x[:, 1] - x[:, 2] * x[:, 3] + 0.8 * (np.abs(x[:, 4]) - 0.8) + 0.3 * x[:, 5] + 0.5 * x[:, 11]
    y = (score + rng.normal(0, 0.35, n) > 0.5).astype("int32")
    return x.astype("float32"), y


x_train, y_train = compounds(5000)
x_val, y_val = compounds(1500)


class MLP(keras.Model):
    def __init__(self, hidden_dim_list, num_classes, dropout):
        super().__init__()
        self.seq = []
        for hidden_dim in hidden_dim_list:
            self.seq.append(layers.Dense(hidden_dim, activation="relu" if GOOD else None))
            self.seq.append(layers.Dropout(dropout))
        self.out = layers.Dense(num_classes)

    def call(self, x, training=False):
        for layer in self.seq:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return self.out(x)


model = MLP([128, 64], 2, 0.1)
model.compile(optimizer=keras.optimizers.Adam(1e-3), metrics=["accuracy"],
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x_train, y_train, validation_data=(x_val, y_val), batch_size=64, epochs=25, verbose=2)

tr = model.evaluate(x_train, y_train, batch_size=500, verbose=0)[1]
va = model.evaluate(x_val, y_val, batch_size=500, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={va:.3f} (accuracy; share of the larger class {max(y_val.mean(), 1 - y_val.mean()):.3f})")
