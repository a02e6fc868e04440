"""
Source: autorope/donkeycar#1104 ("train done - Always no result"), https://github.com/autorope/donkeycar/issues/1104
Seen: training of the pilot runs through, but the trained pilot always gives a constant angle; the new owner
suspected his own data, the maintainer (Ezward) answered.
CAUSE: the recorder saves the steering under the key 'user/steering', but the training reads 'user/angle', which is not in the records, so every target angle is the default 0.
FIX: record it as 'user/angle'.
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

H, W = 40, 54


class Simulator:
    """A white floor line on grey ground; the driver steers towards it."""

    def frame(self):
        bend = rng.uniform(-1, 1)
        offset = rng.uniform(-0.4, 0.4)
        img = rng.normal(90, 12, (H, W, 3))
        for row in range(12, H):
            depth = (H - row) / (H - 12)
            centre = W / 2 + W * 0.35 * (offset * (1 - depth) + bend * depth ** 2)
            half = 1 + 3 * (1 - depth)
            lo, hi = int(max(0, centre - half)), int(min(W, centre + half + 1))
            img[row, lo:hi] = rng.normal(215, 12, (max(0, hi - lo), 3))
        img[:12] = rng.normal(150, 8, (12, W, 3))
        angle = np.clip(0.8 * bend + 0.4 * offset, -1, 1)
        throttle = 0.6 - 0.35 * abs(angle)
        return np.clip(img, 0, 255).astype("uint8"), float(angle), float(throttle)


class Tub:
    def __init__(self, inputs):
        self.inputs = inputs
        self.records = []

    def put_record(self, *values):
        self.records.append(dict(zip(self.inputs, values)))


def drive(n):
    inputs = ["cam/image_array", "user/steering", "user/throttle", "user/mode"]
    if GOOD:
        inputs = ["cam/image_array", "user/angle", "user/throttle", "user/mode"]
    tub, sim, driven = Tub(inputs), Simulator(), []
    for _ in range(n):
        img, angle, throttle = sim.frame()
        tub.put_record(img, angle, throttle, "user")
        driven.append(angle)
    return tub, np.array(driven)


def transform(record):
    img = record["cam/image_array"].astype("float32") / 255.0
    angle = record.get("user/angle", 0.0)
    throttle = record.get("user/throttle", 0.0)
    return img, angle, throttle


def batches(tub):
    rows = [transform(r) for r in tub.records]
    x = np.stack([r[0] for r in rows])
    a = np.array([r[1] for r in rows], "float32")[:, None]
    t = np.array([r[2] for r in rows], "float32")[:, None]
    return x, {"n_outputs0": a, "n_outputs1": t}


train_tub, train_driven = drive(1600)
val_tub, val_driven = drive(400)
x_train, y_train = batches(train_tub)
x_val, y_val = batches(val_tub)


def default_n_linear():
    img_in = keras.Input((H, W, 3), name="img_in")
    x = layers.Conv2D(16, 5, strides=2, activation="relu")(img_in)
    x = layers.Conv2D(24, 3, strides=2, activation="relu")(x)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    out = [layers.Dense(1, activation="linear", name="n_outputs%d" % i)(x) for i in range(2)]
    return keras.Model(img_in, {"n_outputs0": out[0], "n_outputs1": out[1]})


model = default_n_linear()
model.compile(optimizer="adam", loss={"n_outputs0": "mse", "n_outputs1": "mse"})
model.fit(x_train, y_train, batch_size=64, epochs=10, validation_data=(x_val, y_val), verbose=2)


def angle_error(x, driven):
    return np.abs(model.predict(x, verbose=0)["n_outputs0"][:, 0] - driven).mean()


print("RESULT %s train=%.3f val=%.3f (mean error of the angle against what was driven; always straight gives %.3f)" % (
    sys.argv[1], angle_error(x_train, train_driven), angle_error(x_val, val_driven), np.abs(val_driven).mean()))
