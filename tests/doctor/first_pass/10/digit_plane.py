"""
SOURCE: https://github.com/keras-team/keras/issues/3373 ("Variational Autoencoder example not working
correctly") and the merged pull request #3383 that mends it; both descriptions seen. scikit-learn's
8x8 digits in place of MNIST.
SEEN: all locations of the latent space give the same output picture, and the test pictures are hardly
spread over the latent space.
CAUSE: the cross entropy is a mean over the pixels and so far too small against the KL loss.
FIX: multiply the cross entropy by the number of pixels (original_dim) again.
"""
import sys
import numpy as np
import keras
from keras import layers, ops
from keras.models import Model
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(10)

x = (load_digits().data / 16.0).astype("float32")
np.random.default_rng(0).shuffle(x)
x_train, x_test = x[:1500], x[1500:]

batch_size, original_dim, latent_dim, intermediate_dim, epochs = 50, 64, 2, 128, 60


class Sampling(layers.Layer):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.seed = keras.random.SeedGenerator(3)

    def call(self, args):
        z_mean, z_log_var = args
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.seed)
        return z_mean + ops.exp(z_log_var / 2) * epsilon


class VaeLoss(layers.Layer):
    def call(self, args):
        x, x_decoded_mean, z_mean, z_log_var = args
        xent_loss = keras.losses.binary_crossentropy(x, x_decoded_mean)
        if GOOD:
            xent_loss = original_dim * xent_loss
        kl_loss = -0.5 * ops.sum(1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var), axis=-1)
        self.add_loss(ops.mean(xent_loss + kl_loss))
        return x_decoded_mean


inp = layers.Input((original_dim,))
h = layers.Dense(intermediate_dim, activation="relu")(inp)
z_mean = layers.Dense(latent_dim)(h)
z_log_var = layers.Dense(latent_dim)(h)
z = Sampling()([z_mean, z_log_var])
decoder_h = layers.Dense(intermediate_dim, activation="relu")
decoder_mean = layers.Dense(original_dim, activation="sigmoid")
x_decoded_mean = decoder_mean(decoder_h(z))
out = VaeLoss()([inp, x_decoded_mean, z_mean, z_log_var])

vae = Model(inp, out)
vae.compile(optimizer="rmsprop")
vae.fit(x_train, shuffle=True, epochs=epochs, batch_size=batch_size, verbose=2)

generator = Model(inp, decoder_mean(decoder_h(z_mean)))


def share(d):
    p = generator.predict(d, verbose=0)
    return 1 - np.mean((p - d) ** 2) / np.mean((d - d.mean(0)) ** 2)


print(f"RESULT {sys.argv[1]} train={share(x_train):.3f} val={share(x_test):.3f}")
