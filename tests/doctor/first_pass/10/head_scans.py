"""Source: zsdonghao/u-net-brain-tumor#2 ("DICE"), https://github.com/zsdonghao/u-net-brain-tumor/issues/2
(smosanu, 2018-07-24, had the same and says what solved it; the size of the rates here is mine)

Seen: the dice loss is between 0.7 and 0.8 at the beginning (task "necrotic", a small part of the
picture), then it becomes 1 and stays 1 for all the rest of the training.

CAUSE: the starting learning rate is too high; the output is driven to "nothing" everywhere, where the
dice loss has no gradient any more.
FIX: a starting rate ten times lower.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers, ops
from scipy.ndimage import gaussian_filter

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
lr = 0.002 if GOOD else 0.02
lr_decay, decay_every = 0.5, 6
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
SIZE = 48


def scan():
    yy, xx = np.mgrid[:SIZE, :SIZE]
    head = ((yy - 24) / 21) ** 2 + ((xx - 24) / 17) ** 2 < 1
    texture = gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)), 2) * 2
    chans = [head * (1 + 0.3 * texture * s) for s in (1, -1, 0.5, 0.2)]
    cy, cx = rng.uniform(14, 34, 2)
    r = rng.uniform(5, 9)
    d = np.hypot(yy - cy, (xx - cx) * rng.uniform(0.8, 1.2))
    tumour = (d < r) & head
    core = (d < r * rng.uniform(0.35, 0.55)) & head
    chans[0] = chans[0] + 0.4 * tumour - 0.7 * core
    chans[1] = chans[1] + 0.8 * tumour
    chans[2] = chans[2] + 0.6 * tumour - 0.4 * core
    x = np.stack(chans, -1) + rng.normal(0, 0.08, (SIZE, SIZE, 4))
    return x, core[..., None]


def volume(n):
    parts = [scan() for _ in range(n)]
    x = np.stack([p[0] for p in parts])
    x = (x - x.mean((0, 1, 2))) / x.std((0, 1, 2))
    return x.astype("float32"), np.stack([p[1] for p in parts]).astype("float32")


def dice_coe(output, target, smooth=1e-5):
    inse = ops.sum(output * target, axis=(1, 2, 3))
    l = ops.sum(output * output, axis=(1, 2, 3))
    r = ops.sum(target * target, axis=(1, 2, 3))
    return ops.mean((2. * inse + smooth) / (l + r + smooth))


def u_net(f=8):
    inp = keras.Input((SIZE, SIZE, 4))

    def block(x, n):
        x = layers.Conv2D(n, 3, padding="same", activation="relu", kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.05))(x)
        return layers.Conv2D(n, 3, padding="same", activation="relu", kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.05))(x)

    c1 = block(inp, f)
    c2 = block(layers.MaxPooling2D()(c1), 2 * f)
    c3 = block(layers.MaxPooling2D()(c2), 4 * f)
    c4 = block(layers.Concatenate()([layers.Conv2DTranspose(2 * f, 3, strides=2, padding="same")(c3), c2]), 2 * f)
    c5 = block(layers.Concatenate()([layers.Conv2DTranspose(f, 3, strides=2, padding="same")(c4), c1]), f)
    return keras.Model(inp, layers.Conv2D(1, 1, activation="sigmoid")(c5))


x_train, y_train = volume(240)
x_val, y_val = volume(60)
net = u_net()
opt = keras.optimizers.Adam(lr, beta_1=0.9)


@tf.function
def train_op(x, y):
    with tf.GradientTape() as tape:
        loss = 1 - dice_coe(net(x, training=True), y)
    grads = tape.gradient(loss, net.trainable_weights)
    opt.apply_gradients(zip(grads, net.trainable_weights))
    return loss


batch_size = 10
for epoch in range(24):
    if epoch and epoch % decay_every == 0:
        opt.learning_rate.assign(lr * lr_decay ** (epoch // decay_every))
    order, total = rng.permutation(len(x_train)), []
    for k in range(0, len(order), batch_size):
        idx = order[k:k + batch_size]
        total.append(float(train_op(tf.constant(x_train[idx]), tf.constant(y_train[idx]))))
    print("Epoch %d 1-dice: %.6f" % (epoch, np.mean(total)), flush=True)


def hard_dice(x, y):
    p = net.predict(x, verbose=0) > 0.5
    return 2 * np.sum(p * y) / (np.sum(p) + np.sum(y))


print("RESULT %s train=%.3f val=%.3f (hard dice)" % ("good" if GOOD else "bad", hard_dice(x_train, y_train), hard_dice(x_val, y_val)))
