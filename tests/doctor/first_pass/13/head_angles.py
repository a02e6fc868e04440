"""
SOURCE: https://github.com/konpatp/diffae/issues/8 ("Training head rotation classifier"; PyTorch and the encoder of
    DiffAE there, a small convolutional autoencoder here)
SEEN: Linear regression from the encoder's code to the head pose (three angles), MSE, learning rate 0.001, batch 128,
    1200 images, 300 epochs: the loss stays stuck at a high value (65 there).
CAUSE: A ReLU was put after the linear layer: the angles are negative half of the time and a ReLU cannot give a
    negative number, so for these images the output stays at 0 (and has no gradient there).
FIX: No ReLU after the linear layer (the person's own finding; the loss dropped to 20).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)
S, CODE = 32, 96


def draw_head():
    yaw, pitch, roll = rng.normal(0, 18), rng.normal(0, 10), rng.normal(0, 9)
    yy, xx = np.mgrid[0:S, 0:S].astype(float)
    cx, cy = 16 + rng.normal(0, 0.6), 16 + rng.normal(0, 0.6)
    t = np.deg2rad(roll)
    u = (xx - cx) * np.cos(t) + (yy - cy) * np.sin(t)
    v = -(xx - cx) * np.sin(t) + (yy - cy) * np.cos(t)
    img = np.full((S, S), rng.uniform(0.1, 0.3))
    k = rng.uniform(0.93, 1.07)
    skin = rng.uniform(0.6, 0.85)
    head = (u / (9.5 * k)) ** 2 + (v / (12.5 * k)) ** 2 < 1
    img[head] = skin
    img[head & (v < -7 * k + 5 * np.sin(np.deg2rad(pitch)))] = rng.uniform(0.05, 0.35)
    sx, sy = 9 * np.sin(np.deg2rad(yaw)), 11 * np.sin(np.deg2rad(pitch))
    for du, dv, r, d in ((-3.6, -2.5, 1.4, 0.5), (3.6, -2.5, 1.4, 0.5), (0, 1.5, 1.5, 0.22)):
        scale = 1.35 if du == 0 else 1.0
        img -= d * np.exp(-((u - k * du * np.cos(np.deg2rad(yaw)) - scale * sx) ** 2 + (v - k * dv - scale * sy) ** 2) / (2 * r * r))
    img -= 0.35 * np.exp(-((u - sx) ** 2 / 9 + (v - 5.5 * k - sy) ** 2 / 1.2))
    img += rng.normal(0, 0.03, img.shape)
    return np.clip(img, 0, 1), (yaw, pitch, roll)


heads = [draw_head() for _ in range(1500)]
images = np.array([h[0] for h in heads], "float32")[..., None]
poses = np.array([h[1] for h in heads], "float32") + rng.normal(0, 1.0, (1500, 3)).astype("float32")

encoder = keras.Sequential([
    keras.Input((S, S, 1)),
    layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
    layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
    layers.Flatten(),
    layers.Dense(CODE),
])
decoder = keras.Sequential([
    keras.Input((CODE,)),
    layers.Dense(8 * 8 * 16, activation="relu"),
    layers.Reshape((8, 8, 16)),
    layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
    layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
])
autoencoder = keras.Sequential([encoder, decoder])
autoencoder.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
autoencoder.fit(images[:1200], images[:1200], batch_size=64, epochs=10, verbose=2)

conds = encoder.predict(images, verbose=0)
conds = (conds - conds[:1200].mean(0)) / conds[:1200].std(0)

classifier = keras.Sequential([keras.Input((CODE,)), layers.Dense(3)])
if not GOOD:
    classifier.add(layers.ReLU())
optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def train_epoch(cond, pose):
    order = tf.random.shuffle(tf.range(1200))
    total = 0.0
    for start in range(0, 1200, 128):
        idx = order[start:start + 128]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(classifier(tf.gather(cond, idx), training=True) - tf.gather(pose, idx)))
        grads = tape.gradient(loss, classifier.trainable_variables)
        optimizer.apply_gradients(zip(grads, classifier.trainable_variables))
        total += loss
    return total / 10


optimizer.build(classifier.trainable_variables)
train_conds, train_poses = tf.constant(conds[:1200]), tf.constant(poses[:1200])
for epoch in range(300):
    loss = train_epoch(train_conds, train_poses)
    if epoch % 60 == 0:
        print("epoch %d loss %.2f" % (epoch, float(loss)))


def mse(cond, pose):
    return float(np.mean((classifier.predict(cond, verbose=0) - pose) ** 2))


train_mse = mse(conds[:1200], poses[:1200])
val_mse = mse(conds[1200:], poses[1200:])
print("variance of the angles: %.1f" % poses.var(0).mean())
print("RESULT %s train=%.1f val=%.1f (MSE in squared degrees)" % ("good" if GOOD else "bad", train_mse, val_mse))
