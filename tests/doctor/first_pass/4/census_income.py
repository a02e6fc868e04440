"""
SOURCE: GitHub GoogleCloudPlatform/cloudml-samples#241 (pull request "changing sofmax to sigmoid", merged)
SAW: census model (income above or below 50K, one label column): bad performance, every row gets the answer 1.
CAUSE: softmax over an output layer of one unit (labels_dim = 1) is always 1.0.
FIX: sigmoid activation for the one output.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)
rng = np.random.RandomState(0)


def read_rows(n):
    age = rng.randint(18, 75, n)
    edu = rng.randint(0, 16, n)
    hours = rng.normal(40, 10, n).clip(5, 90)
    gain = np.where(rng.rand(n) < 0.08, rng.lognormal(8, 1, n), 0)
    job = rng.randint(0, 6, n)
    married = rng.randint(0, 2, n)
    score = 0.04 * (age - 40) + 0.35 * (edu - 9) + 0.05 * (hours - 40) + 1.5 * married + 0.0004 * gain + 0.3 * (job - 3) - 2.6
    y = (score + rng.normal(0, 0.5, n) > 0).astype("float32")
    num = np.c_[(age - 45) / 17.0, (edu - 8) / 4.6, (hours - 40) / 10.0, np.log1p(gain) / 4.0, married]
    return np.c_[num, np.eye(6)[job]].astype("float32"), y


def model_fn(input_dim, labels_dim, hidden_units=(100, 70, 50, 20), learning_rate=0.1):
    model = keras.Sequential([keras.Input((input_dim,))])
    for units in hidden_units:
        model.add(layers.Dense(units, activation="relu"))
    activation = "sigmoid" if GOOD else "softmax"
    model.add(layers.Dense(labels_dim, activation=activation))
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate), metrics=["accuracy"])
    return model


def generator_input(x, y, chunk_size):
    while True:
        for i in range(0, len(x) - chunk_size + 1, chunk_size):
            yield x[i:i + chunk_size], y[i:i + chunk_size, None]


x, y = read_rows(4000)
xe, ye = read_rows(1000)
census = model_fn(x.shape[1], 1)
h = census.fit(generator_input(x, y, 40), steps_per_epoch=100, epochs=12, verbose=2)
loss, acc = census.evaluate(xe, ye[:, None], verbose=0)
print("share of >50K in the evaluation rows: %.3f" % ye.mean())
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], acc))
