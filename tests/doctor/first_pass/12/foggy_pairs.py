"""
SOURCE: waxz/sfm_net issue #1 ("for test code"),
https://github.com/waxz/sfm_net/issues/1 (answer of shahyaan)

SEEN: a convolution/deconvolution net in Keras learns the depth of a picture by
warping one view into the other. However many epochs it is trained, the depth it
gives is 1 everywhere.
(Here: drawn scenes in fog, two views side by side instead of a film, 32 x 48.)

CAUSE: the output goes through a function of one's own that clips it to 1 .. 100;
the fresh net gives values around 0, which all become 1, and there the clipping
has no gradient.
FIX: a normal relu, clipped to 0 .. 100, and a bias of 1 at the start in the last
1 x 1 convolution.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import scipy.ndimage as ndi
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
H, W, FB = 32, 48, 8.0          # FB: focal length * distance of the two cameras


def render(depth, tex):
    return tex * np.exp(-depth / 4.0) + 0.8 * (1 - np.exp(-depth / 4.0))


def scene():
    """left picture, right picture, depth of the left one"""
    far = rng.uniform(5.5, 8.0)
    planes = [(far, None)]
    for _ in range(rng.integers(1, 4)):
        planes.append((rng.uniform(1.8, 4.5), (rng.integers(0, H - 12), rng.integers(2, W - 14), rng.integers(10, 18), rng.integers(10, 18))))
    planes.sort(key=lambda p: -p[0])
    left, right, depth = np.zeros((H, W)), np.zeros((H, W)), np.zeros((H, W))
    for d, box in planes:
        tex = ndi.gaussian_filter(rng.normal(0, 1, (H, W + 24)), 1.6) * 0.9
        tex = 0.12 + np.clip(tex, -0.12, 0.5)
        xs = np.arange(W)
        for img, shift in ((left, 0.0), (right, FB / d)):
            t = ndi.map_coordinates(tex, np.meshgrid(np.arange(H), xs + shift + 8, indexing="ij"), order=1)
            m = np.ones((H, W), bool)
            if box is not None:
                y0, x0, h, w = box
                m = np.zeros((H, W), bool)
                m[y0:y0 + h] = (xs + shift >= x0) & (xs + shift < x0 + w)
            img[m] = render(d, t)[m]
            if img is left:
                depth[m] = d
    return left, right, depth


def make(n):
    a = np.array([scene() for _ in range(n)], "float32")[..., None]
    return a[:, 0], a[:, 1], a[:, 2]


tr_l, tr_r, tr_d = make(400)
va_l, va_r, va_d = make(80)


def clip_relu(x):
    x = tf.clip_by_value(x, 1, 100)
    return x


def conv_deconv_net(x):
    skips = []
    for f in (16, 32, 48):
        x = layers.Conv2D(f, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    for f, s in zip((48, 32, 16), skips[::-1]):
        x = layers.Conv2DTranspose(f, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.Concatenate()([x, s])
        x = layers.Conv2D(f, 3, padding="same", activation="relu")(x)
    return x


def depth_net():
    frame = keras.Input((H, W, 1))
    top = conv_deconv_net(frame)
    if GOOD:
        top = layers.Conv2D(1, 1, padding="same", kernel_initializer="glorot_normal", bias_initializer="ones")(top)
        depth = layers.Activation("relu")(top)
        depth = layers.Lambda(lambda t: tf.clip_by_value(t, 0, 100))(depth)
    else:
        top = layers.Conv2D(1, 1, padding="same", kernel_initializer="glorot_normal")(top)
        depth = layers.Lambda(clip_relu)(top)
    return keras.Model(frame, depth)


def warp(right, depth):
    """bring the right view into the left one"""
    shift = FB / (depth + 0.1)
    x = tf.cast(tf.range(W), tf.float32)[None, None, :, None] - shift
    x = tf.clip_by_value(x, 0.0, W - 1.001)
    x0 = tf.floor(x)
    w = x - x0
    i = tf.cast(x0[..., 0], tf.int32)
    r = right[..., 0]
    a = tf.gather(r, i, batch_dims=2, axis=2)[..., None]
    b = tf.gather(r, i + 1, batch_dims=2, axis=2)[..., None]
    return a * (1 - w) + b * w


model = depth_net()
optimizer = keras.optimizers.Adam(1e-3)


@tf.function
def train_step(l, r):
    with tf.GradientTape() as tape:
        depth = model(l, training=True)
        photo = tf.reduce_mean(tf.abs(warp(r, depth) - l))
        smooth = tf.reduce_mean(tf.abs(depth[:, 1:] - depth[:, :-1])) + tf.reduce_mean(tf.abs(depth[:, :, 1:] - depth[:, :, :-1]))
        loss = photo + 0.002 * smooth
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return photo


def score(l, d):
    p = model.predict(l, verbose=0)
    return float((np.abs(p - d) / d).mean()), float(p.min()), float(p.max())


data = tf.data.Dataset.from_tensor_slices((tr_l, tr_r)).shuffle(400).batch(16)
for epoch in range(20):
    err = np.mean([float(train_step(l, r)) for l, r in data])
    print("epoch %d photometric error %.4f  depth error %.3f, depth from %.2f to %.2f" % ((epoch, err) + score(va_l, va_d)), flush=True)

print("RESULT %s train=%.3f val=%.3f (mean relative error of the depth)" % (sys.argv[1], score(tr_l, tr_d)[0], score(va_l, va_d)[0]))
