"""Source: tensorlayer/SRGAN#120 ("Some training issues. (color problem, high g_loss)"),
https://github.com/tensorlayer/SRGAN/issues/120 (the person who answered found it in utils.py, the owner agrees)

Seen: in the first training of the generator (mse) the loss stays very high and the made pictures have wrong colours.

CAUSE: the lines that bring the pixels from 0..255 to -1..1 are commented out and only 0.5 is taken away,
so the targets run to 254.5 while the generator ends in tanh.
FIX: x / (255 / 2) - 1 (and no - 0.5).
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_sample_images

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)

HR, LR = 48, 24
photos = load_sample_images().images


def crop_sub_imgs_fn(x):
    h, w = x.shape[:2]
    i, j = rng.integers(0, h - 2 * HR), rng.integers(0, w - 2 * HR)
    x = x[i:i + 2 * HR, j:j + 2 * HR].astype("float32")
    x = x.reshape(HR, 2, HR, 2, 3).mean((1, 3))
    if GOOD:
        x = x / (255. / 2.)
        x = x - 1.
    else:
        x = x - 0.5
    return x


def downsample_fn(x):
    n = len(x)
    return x.reshape(n, LR, 2, LR, 2, 3).mean((2, 4))


def to_pixels(x):
    """What is written to the file."""
    if GOOD:
        return (x + 1) * 127.5
    return x + 0.5


train_hr = np.stack([crop_sub_imgs_fn(photos[k % 2][:, :440]) for k in range(400)])
valid_hr = np.stack([crop_sub_imgs_fn(photos[k % 2][:, 440:]) for k in range(60)])
train_lr, valid_lr = downsample_fn(train_hr), downsample_fn(valid_hr)


def SRGAN_g():
    init = keras.initializers.RandomNormal(stddev=0.05)
    t_in = keras.Input((None, None, 3))
    n = layers.Conv2D(24, 3, padding="same", activation="relu", kernel_initializer=init)(t_in)
    temp = n
    for _ in range(3):
        nn = layers.Conv2D(24, 3, padding="same", use_bias=False, kernel_initializer=init)(n)
        nn = layers.BatchNormalization(momentum=0.9)(nn)
        nn = layers.ReLU()(nn)
        nn = layers.Conv2D(24, 3, padding="same", use_bias=False, kernel_initializer=init)(nn)
        nn = layers.BatchNormalization(momentum=0.9)(nn)
        n = layers.Add()([n, nn])
    n = layers.Add()([n, temp])
    n = layers.Conv2D(48, 3, padding="same", kernel_initializer=init)(n)
    n = layers.UpSampling2D()(n)
    n = layers.ReLU()(n)
    out = layers.Conv2D(3, 1, activation="tanh", kernel_initializer=init)(n)
    return keras.Model(t_in, out)


net_g = SRGAN_g()
g_optim_init = keras.optimizers.Adam(1e-3, beta_1=0.9)


@tf.function
def init_step(lr_patch, hr_patch):
    with tf.GradientTape() as tape:
        fake = net_g(lr_patch, training=True)
        mse_loss = tf.reduce_mean(tf.square(fake - hr_patch))
    grad = tape.gradient(mse_loss, net_g.trainable_weights)
    g_optim_init.apply(grad, net_g.trainable_weights)
    return mse_loss


batch = 16
for epoch in range(10):
    order = rng.permutation(len(train_hr))
    total = []
    for k in range(0, len(order), batch):
        idx = order[k:k + batch]
        total.append(float(init_step(tf.constant(train_lr[idx]), tf.constant(train_hr[idx]))))
    print("[*] Epoch: [%2d] mse: %.6f" % (epoch, np.mean(total)), flush=True)


def psnr(lr, hr):
    made = np.clip(to_pixels(net_g.predict(lr, verbose=0)), 0, 255)
    err = np.mean((made - to_pixels(hr)) ** 2, axis=(1, 2, 3))
    return np.mean(10 * np.log10(255 ** 2 / err))


print("RESULT %s train=%.2f val=%.2f (PSNR in dB)" % ("good" if GOOD else "bad", psnr(train_lr, train_hr), psnr(valid_lr, valid_hr)))
