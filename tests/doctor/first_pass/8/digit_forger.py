"""
Source: soumith/ganhacks#29 ("for GAN, why my D loss is increase, and G loss decrease to 0 at the begining"),
https://github.com/soumith/ganhacks/issues/29 (comment of danielkaifeng, 2019-09-12, who found his own mistake;
TensorFlow 1 there, a loop of one's own with GradientTape here).
Seen: from the beginning the loss of the generator falls to 0 and that of the discriminator rises; the pictures are nothing.
CAUSE: each of the two optimizers updates the weights of both nets, so the generator's step also weakens the discriminator (and the other way round).
FIX: give each optimizer the variables of its own net only.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)

BATCH, NOISE, STEPS = 64, 24, 1200

images = load_digits().images.astype("float32")[..., None] / 8.0 - 1.0
images = images[np.random.permutation(len(images))]
real_train, real_val = images[:1500], images[1500:]


class Generator(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = keras.Sequential([
            layers.Dense(4 * 4 * 48), layers.BatchNormalization(), layers.ReLU(),
            layers.Reshape((4, 4, 48)),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same"), layers.BatchNormalization(), layers.ReLU(),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ])

    def call(self, z, training=False):
        return self.net(z, training=training)


class Discriminator(keras.Model):
    def __init__(self):
        super().__init__()
        self.net = keras.Sequential([
            layers.Conv2D(32, 3, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.2), layers.Dropout(0.2),
            layers.Conv2D(64, 3, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.2), layers.Dropout(0.2),
            layers.Flatten(), layers.Dense(1),
        ])

    def call(self, x, training=False):
        return self.net(x, training=training)


generator, discriminator = Generator(), Discriminator()
generator(tf.zeros((2, NOISE)))
discriminator(tf.zeros((2, 8, 8, 1)))
all_vars = generator.trainable_variables + discriminator.trainable_variables
d_vars, g_vars = all_vars, all_vars
if GOOD:
    d_vars, g_vars = discriminator.trainable_variables, generator.trainable_variables

d_optimizer = keras.optimizers.Adam(4e-4, beta_1=0.5)
g_optimizer = keras.optimizers.Adam(4e-4, beta_1=0.5)
d_optimizer.build(d_vars)
g_optimizer.build(g_vars)


def cross_entropy(labels, logits):
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


@tf.function
def train_step(real):
    z = tf.random.normal((BATCH, NOISE))
    with tf.GradientTape() as tape:
        on_real = discriminator(real, training=True)
        on_fake = discriminator(generator(z, training=True), training=True)
        d_loss = cross_entropy(tf.ones_like(on_real), on_real) + cross_entropy(tf.zeros_like(on_fake), on_fake)
    d_optimizer.apply_gradients(zip(tape.gradient(d_loss, d_vars), d_vars))
    z = tf.random.normal((BATCH, NOISE))
    with tf.GradientTape() as tape:
        on_fake = discriminator(generator(z, training=True), training=True)
        g_loss = cross_entropy(tf.ones_like(on_fake), on_fake)
    g_optimizer.apply_gradients(zip(tape.gradient(g_loss, g_vars), g_vars))
    return d_loss, g_loss


def nearest(a, b):
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    d = (a ** 2).sum(1)[:, None] + (b ** 2).sum(1)[None] - 2 * a @ b.T
    return d.min(1).mean() / a.shape[1]


def sample(n=1000):
    return generator(tf.random.normal((n, NOISE)), training=False).numpy()


for step in range(1, STEPS + 1):
    batch = real_train[np.random.randint(0, len(real_train), BATCH)]
    d_loss, g_loss = train_step(tf.constant(batch))
    if step % 200 == 0 or step == 20:
        print("step %d D loss %.3f G loss %.3f" % (step, d_loss, g_loss))

fake = sample()
print("RESULT %s train=%.3f val=%.3f (mean squared distance: made picture to the nearest real one, held-out real one to the nearest made one; the mean picture would give the latter %.3f)" % (
    sys.argv[1], nearest(fake, real_train), nearest(real_val, fake), nearest(real_val, real_train.mean(0, keepdims=True))))
