"""Source: AppliedDataSciencePartners/WorldModels#12 ("VAE performance is bad (with standard parameters)"), whole thread seen
(answer of jneeven, 2019-02-11).

What the person saw: the variational autoencoder gives about the same picture for every frame; vae_kl_loss falls to 4e-07.

CAUSE: both parts of the loss are means over all their dimensions, so the KL part (32 numbers) counts far too much against the
reconstruction (12288 numbers) and the code is pressed to the prior.
FIX: sum over the dimensions and take the mean over the batch only, as in the original World Models code.
(Every frame is a row of numbers and the net is Dense, smaller than the report's convolutional one.)
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)

SIDE, CODE, N = 32, 8, 1500
grid = np.arange(SIDE)
frames = np.full((N, SIDE, SIDE), 0.35, "float32")
for i in range(N):
    middle, bend = rng.uniform(8, 24), rng.uniform(-8, 8)
    way = middle + bend * (grid / SIDE - 0.5)
    frames[i] += 0.35 * (np.abs(grid[None, :] - way[:, None]) < 4)
frames += 0.02 * rng.normal(size=frames.shape)
frames = frames.reshape(N, -1).clip(0, 1).astype("float32")
x_train, x_val = frames[:1200], frames[1200:]


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.enc = layers.Dense(128, activation="relu")
        self.mu = layers.Dense(CODE)
        self.log_var = layers.Dense(CODE)
        self.dec = layers.Dense(128, activation="relu")
        self.out = layers.Dense(SIDE * SIDE, activation="sigmoid")
        self.seed = keras.random.SeedGenerator(3)

    def call(self, x, training=False):
        h = self.enc(x)
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu
        if training:
            z = mu + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mu), seed=self.seed)
        y = self.out(self.dec(z))
        kl = -0.5 * (1 + log_var - ops.square(mu) - ops.exp(log_var))
        if GOOD:
            self.add_loss(ops.mean(ops.sum(kl, axis=-1)))
        else:
            self.add_loss(ops.mean(kl))
        return y


if GOOD:
    def r_loss(y_true, y_pred):
        return ops.sum(ops.square(y_true - y_pred), axis=-1)
else:
    def r_loss(y_true, y_pred):
        return 10 * ops.mean(ops.square(y_true - y_pred), axis=-1)

vae = VAE()
vae.compile(optimizer=keras.optimizers.Adam(0.001), loss=r_loss)
vae.fit(x_train, x_train, batch_size=32, epochs=25, validation_data=(x_val, x_val), verbose=2)


def explained(x):
    y = vae.predict(x, verbose=0)
    return 1 - np.mean((x - y) ** 2) / np.mean((x - x_train.mean(axis=0)) ** 2)


print(f"RESULT {sys.argv[1]} train={explained(x_train):.3f} val={explained(x_val):.3f} (share of the frames' variation given back)")
