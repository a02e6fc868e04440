"""Source: 0b01/SimGAN-Captcha#4 ("when pre-train discriminator, loss keeps the same"), whole thread seen.

What the person saw: while the discriminator is pre-trained, its loss is 0.693147 for the real and for the synthetic
pictures and never moves; it cannot tell them apart.

CAUSE: discriminator.trainable = False is set before the discriminator is compiled and trained, so it has no weights to
train.
FIX: train the discriminator while it is trainable, and set trainable = False afterwards, for the combined model only.
(In Keras 3 the flag also counts after compile, so "good" sets it behind the pre-training. In Keras 3 the loss stays at
its first value, which need not be exactly 0.693.)
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)

imgs = (load_digits().images / 16.0).astype("float32")
rng.shuffle(imgs)
imgs = np.kron(imgs, np.ones((3, 3), "float32"))[..., None]
half = len(imgs) // 2
real = np.clip(imgs[:half] * rng.uniform(0.5, 0.9, (half, 1, 1, 1)) + rng.normal(0, 0.12, imgs[:half].shape), 0, 1)
syn = (imgs[half:] > 0.5).astype("float32")
real = real.astype("float32") * 2 - 1
syn = syn * 2 - 1
real_test, real = real[:150], real[150:]
syn_test, syn = syn[:150], syn[150:]


def refiner_network(x):
    h = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    r = layers.Conv2D(16, 3, padding="same", activation="relu")(h)
    h = layers.Add()([h, layers.Conv2D(16, 3, padding="same")(r)])
    return layers.Conv2D(1, 1, activation="tanh")(h)


def discriminator_network(x):
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(8, 1, activation="relu")(x)
    x = layers.Conv2D(2, 1)(x)
    return layers.Reshape((-1, 2))(x)


def local_adversarial_loss(y_true, y_pred):
    return keras.ops.mean(keras.losses.categorical_crossentropy(y_true, y_pred, from_logits=True))


def self_regularization_loss(y_true, y_pred):
    return 0.5 * keras.ops.mean(keras.ops.abs(y_pred - y_true))


inp = keras.Input((24, 24, 1))
refiner = keras.Model(inp, refiner_network(inp), name="refiner")
inp_d = keras.Input((24, 24, 1))
discriminator = keras.Model(inp_d, discriminator_network(inp_d), name="discriminator")

if not GOOD:
    discriminator.trainable = False
refiner.compile(keras.optimizers.SGD(0.01), loss=self_regularization_loss)
discriminator.compile(keras.optimizers.SGD(0.05), loss=local_adversarial_loss)

patches = discriminator.output_shape[1]
BATCH = 32
y_real = np.tile(np.array([1.0, 0.0], "float32"), (BATCH, patches, 1))
y_fake = np.tile(np.array([0.0, 1.0], "float32"), (BATCH, patches, 1))


def batch(a):
    return a[rng.integers(0, len(a), BATCH)]


for step in range(60):
    b = batch(syn)
    refiner.train_on_batch(b, b)

for step in range(300):
    d1 = discriminator.train_on_batch(batch(real), y_real)
    d2 = discriminator.train_on_batch(batch(syn), y_fake)
    if step % 50 == 0:
        print("pre-train D step", step, "real", float(d1), "synthetic", float(d2))

if GOOD:
    discriminator.trainable = False
both = keras.Model(inp, [refiner(inp), discriminator(refiner(inp))])
both.compile(keras.optimizers.SGD(0.01), loss=[self_regularization_loss, local_adversarial_loss])


def right(r, s):
    pr = discriminator.predict(r, verbose=0).argmax(-1) == 0
    ps = discriminator.predict(s, verbose=0).argmax(-1) == 1
    return 0.5 * (pr.mean() + ps.mean())


print("RESULT %s train=%.3f val=%.3f (patches told apart)" % (sys.argv[1], right(real, syn), right(real_test, syn_test)))
