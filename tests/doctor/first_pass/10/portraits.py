"""Source: keras-team/keras-io#830 ("Face image generation with StyleGAN generates darker and darker output"),
https://github.com/keras-team/keras-io/issues/830 (the reporter found it himself; the same as keras-io#998)

Seen: the more steps the GAN is trained, the darker the made pictures become, in the end they are all black.

CAUSE: the pictures are scaled twice: divided by 255 when the dataset is made and by 127.5 minus 1 in the
resizing function, so the net is shown values between -1 and -0.992 only.
FIX: take the first division out.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from scipy.ndimage import gaussian_filter

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)
SIZE, LATENT, BATCH = 16, 32, 32


def face():
    n = 32
    yy, xx = np.mgrid[:n, :n]
    img = np.empty((n, n, 3))
    img[:] = rng.uniform(60, 240, 3)
    skin = np.array([225, 180, 150]) * rng.uniform(0.6, 1.08)
    hair = np.array([90, 60, 40]) * rng.uniform(0.4, 2.2)
    cy, cx = 17 + rng.uniform(-1, 1), 16 + rng.uniform(-1, 1)
    a, b = rng.uniform(10, 12), rng.uniform(8, 9.5)
    img[((yy - cy + 2) / (a + 1.5)) ** 2 + ((xx - cx) / (b + 1.5)) ** 2 < 1] = hair
    img[((yy - cy - 1) / (a - 1)) ** 2 + ((xx - cx) / b) ** 2 < 1] = skin
    for s in (-1, 1):
        img[(yy - cy + 1) ** 2 + (xx - cx - s * 3.6) ** 2 < 2.2] = 30
    img[(np.abs(yy - cy - 6) < 1) & (np.abs(xx - cx) < 3)] = (170, 60, 70)
    return np.clip(gaussian_filter(img, (0.7, 0.7, 0)), 0, 255).astype("uint8")


def resize_image(image):
    image = tf.image.resize(image, (SIZE, SIZE), antialias=True)
    return tf.cast(image, tf.float32) / 127.5 - 1.0


faces = np.stack([face() for _ in range(1200)])
ds_train = tf.data.Dataset.from_tensor_slices(faces[:1000])
if not GOOD:
    ds_train = ds_train.map(lambda x: tf.cast(x, tf.float32) / 255.0)
ds_train = ds_train.map(resize_image).cache().shuffle(1000, seed=1).repeat().batch(BATCH, drop_remainder=True)


def make_generator():
    return keras.Sequential([
        keras.Input((LATENT,)),
        layers.Dense(4 * 4 * 48),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Reshape((4, 4, 48)),
        layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2DTranspose(24, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(3, 3, padding="same", activation="tanh"),
    ])


def make_discriminator():
    return keras.Sequential([
        keras.Input((SIZE, SIZE, 3)),
        layers.Conv2D(24, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(48, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Flatten(),
        layers.Dense(1),
    ])


class WGAN(keras.Model):
    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = make_generator(), make_discriminator()
        self.gp_weight = 10.0

    def compile(self):
        super().compile()
        self.g_opt = keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.99)
        self.d_opt = keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.99)

    def call(self, z):
        return self.generator(z)

    def train_step(self, real):
        n = BATCH
        for _ in range(2):
            z = tf.random.normal((n, LATENT))
            with tf.GradientTape() as tape:
                fake = self.generator(z, training=True)
                eps = tf.random.uniform((n, 1, 1, 1))
                mixed = eps * real + (1 - eps) * fake
                with tf.GradientTape() as inner:
                    inner.watch(mixed)
                    score = self.discriminator(mixed, training=True)
                g = inner.gradient(score, mixed)
                norm = tf.sqrt(tf.reduce_sum(tf.square(g), axis=[1, 2, 3]) + 1e-12)
                d_real, d_fake = self.discriminator(real, training=True), self.discriminator(fake, training=True)
                d_loss = tf.reduce_mean(d_fake) - tf.reduce_mean(d_real) + self.gp_weight * tf.reduce_mean((norm - 1) ** 2)
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_opt.apply_gradients(zip(grads, self.discriminator.trainable_weights))
        with tf.GradientTape() as tape:
            fake = self.generator(tf.random.normal((n, LATENT)), training=True)
            g_loss = -tf.reduce_mean(self.discriminator(fake, training=True))
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_opt.apply_gradients(zip(grads, self.generator.trainable_weights))
        return {"d_loss": d_loss, "g_loss": g_loss}


gan = WGAN()
gan.compile()
gan.fit(ds_train, steps_per_epoch=150, epochs=6, verbose=2)

made = gan.generator.predict(np.random.default_rng(1).normal(size=(300, LATENT)).astype("float32"), verbose=0)
made = np.clip((made + 1) * 127.5, 0, 255)
print("brightness of the made pictures %.1f" % made.mean())


def distance(faces):
    """Root mean square difference of each made picture to the nearest real one, in grey levels."""
    real = (resize_image(faces).numpy() + 1) * 127.5
    d = ((made[:, None] - real[None, :200]) ** 2).mean((2, 3, 4))
    return np.sqrt(d.min(1)).mean()


print("RESULT %s train=%.1f val=%.1f (grey levels from a made picture to the nearest real one)" % ("good" if GOOD else "bad", distance(faces[:1000]), distance(faces[1000:])))
