"""SOURCE: https://discuss.pytorch.org/t/neural-network-could-not-learn-on-this-type-of-data-why/96648 ("Neural network
could not learn on this type of data, why?", PyTorch forum; the answer of ptrblck with code on the asker's data read, the
question only through it. The cubes have noise here.)
SEEN: A network with one hidden layer of 50 relu units and Adam is to learn y = x**3 for x from 1 to 4000. The loss stays
enormous and the predictions stay far below the targets; on other data the same code learns.
CAUSE: Inputs up to 4000 and targets up to 6.4e10 in raw units: with steps of 1e-3 the weights cannot get to the size that
such outputs need within the training.
FIX: Standardise input and target, train on these, transform the predictions back.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(96)
rng = np.random.default_rng(96)

side = np.arange(1, 4000).astype("float64")
volume = side ** 3 * (1 + rng.normal(0, 0.12, len(side)))
test = rng.uniform(size=len(side)) < 0.2

input_mean, input_std, target_mean, target_std = 0.0, 1.0, 0.0, 1.0
if GOOD:
    input_mean, input_std = side[~test].mean(), side[~test].std()
    target_mean, target_std = volume[~test].mean(), volume[~test].std()

x = tf.constant(((side[~test] - input_mean) / input_std)[:, None], tf.float32)
t = tf.constant(((volume[~test] - target_mean) / target_std)[:, None], tf.float32)

model = keras.Sequential([
    keras.Input((1,)),
    layers.Dense(50, activation="relu"),
    layers.Dense(1),
])
optimizer = keras.optimizers.Adam(learning_rate=1e-3)
criterion = keras.losses.MeanSquaredError()


@tf.function
def train():
    with tf.GradientTape() as tape:
        out = model(x, training=True)
        loss = criterion(t, out)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss, tf.reduce_max(out)


for epoch in range(2000):
    loss, top = train()
    if epoch % 200 == 0:
        print(f"Epoch {epoch}, loss {float(loss):.4g}, max. pred val {float(top):.4g}")


def r2(part):
    z = ((side[part] - input_mean) / input_std)[:, None].astype("float32")
    pred = model.predict(z, verbose=0).ravel().astype("float64") * target_std + target_mean
    return 1 - np.mean((pred - volume[part]) ** 2) / np.var(volume[part])


print(f"RESULT {'good' if GOOD else 'bad'} train={r2(~test):.3f} val={r2(test):.3f} (R2)")
