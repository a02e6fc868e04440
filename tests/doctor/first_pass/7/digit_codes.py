"""Source: tensorflow/tensorflow#37581 ("tf.keras.Model.fit() training fails, custom training loop succeeds for identical
model, optimizer, and loss function"), answer seen as a search excerpt by an earlier writer.

What the person saw: the variational autoencoder of the guide, MNIST as vectors. In his own loop over the dataset it
learns; with fit() on the zipped dataset the loss stays high and every reconstruction looks like the same blurry mean.

CAUSE: Dataset.zip((ds, ds)) of one shuffled dataset goes through it twice, and each pass shuffles anew, so input and
target are two unrelated pictures.
FIX: ds.map(lambda x: (x, x)).
(Digits of scikit-learn in place of MNIST; the net is smaller.)
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)

x_all = (load_digits().data / 16.0).astype("float32")
np.random.shuffle(x_all)
x_train, x_test = x_all[:1400], x_all[1400:]


class Sampling(layers.Layer):
    def call(self, inputs):
        mean, log_var = inputs
        eps = tf.random.normal(tf.shape(mean))
        return mean + tf.exp(0.5 * log_var) * eps


class VAE(keras.Model):
    def __init__(self, original_dim, hidden=64, latent=8):
        super().__init__()
        self.enc = layers.Dense(hidden, activation="relu")
        self.mean = layers.Dense(latent)
        self.log_var = layers.Dense(latent)
        self.sampling = Sampling()
        self.dec = layers.Dense(hidden, activation="relu")
        self.out = layers.Dense(original_dim, activation="sigmoid")

    def call(self, inputs):
        h = self.enc(inputs)
        mean, log_var = self.mean(h), self.log_var(h)
        z = self.sampling((mean, log_var))
        kl = -0.5 * tf.reduce_mean(log_var - tf.square(mean) - tf.exp(log_var) + 1)
        self.add_loss(0.01 * kl)
        return self.out(self.dec(z))


train_dataset = tf.data.Dataset.from_tensor_slices(x_train)
train_dataset = train_dataset.shuffle(buffer_size=1024).batch(64)
if GOOD:
    fit_dataset = train_dataset.map(lambda x: (x, x))
else:
    fit_dataset = tf.data.Dataset.zip((train_dataset, train_dataset))

vae = VAE(64)
vae.compile(keras.optimizers.Adam(learning_rate=1e-3), loss=keras.losses.MeanSquaredError())
vae.fit(fit_dataset, epochs=60, verbose=2)


def mse(x):
    return float(np.mean((vae.predict(x, verbose=0) - x) ** 2))


print("variance of the pixels around their mean:", float(np.mean((x_test - x_train.mean(0)) ** 2)))
print("RESULT %s train=%.4f val=%.4f (mse of the reconstruction)" % (sys.argv[1], mse(x_train), mse(x_test)))
