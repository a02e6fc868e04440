"""
SOURCE: https://github.com/hiwonjoon/tf-frrn/issues/2 ("TensorBoard with good prediction, however, evaluation result is bad"), whole
    thread seen. FRRN-A on Cityscapes in TensorFlow 1, with a batch norm layer of its own; a small one and drawn streets here.
SEEN: The predictions during training (TensorBoard) are decent; the evaluation of the trained model gives very noisy
    predictions and a very bad accuracy.
CAUSE: The author's batch norm layer normalises with the batch while training and with the moving mean and variance in the
    evaluation, but these moving statistics are never updated (they keep their start values 0 and 1).
FIX: Update the moving mean and variance in every training step (and train again).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(8)
H, W, NUM_CLASSES = 32, 64, 5        # sky, building, road, car, person


def scene():
    lab = np.zeros((H, W), np.int32)
    horizon = rng.integers(11, 17)
    lab[horizon:] = 2
    x = 0
    while x < W:
        w = rng.integers(5, 14)
        top = rng.integers(1, horizon - 2) if rng.random() < 0.8 else horizon
        lab[top:horizon, x:x + w] = 1
        x += w + rng.integers(0, 4)
    for _ in range(rng.integers(1, 4)):
        y, x = rng.integers(horizon - 1, H - 6), rng.integers(0, W - 12)
        w = rng.integers(8, 14)
        lab[y + 2:y + 6, x:x + w] = 3
        lab[y:y + 2, x + 2:x + w - 2] = 3
    for _ in range(rng.integers(0, 4)):
        y, x = rng.integers(horizon - 3, H - 8), rng.integers(1, W - 4)
        lab[y:y + 8, x:x + 3] = 4
    base = np.array([[0.55, 0.65, 0.75], [0.45, 0.38, 0.33], [0.34, 0.34, 0.36], [0.5, 0.15, 0.2], [0.25, 0.3, 0.5]])
    col = base + rng.normal(0, 0.07, base.shape)
    img = col[lab] * rng.uniform(0.6, 1.15) + rng.normal(0, 0.08, (H, W, 3))
    img[lab == 1] += 0.08 * ((np.indices((H, W)).sum(0) % 4 < 2)[lab == 1])[:, None]
    return np.clip(img, 0, 1).astype("float32"), lab


def build(n):
    s = [scene() for _ in range(n)]
    return np.stack([a for a, _ in s]), np.stack([b for _, b in s])


class BatchNorm(layers.Layer):
    def __init__(self, epsilon=1e-5, decay=0.9, **kw):
        super().__init__(**kw)
        self.epsilon, self.decay = epsilon, decay

    def build(self, shape):
        d = shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(d,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(d,), initializer="zeros")
        self.moving_mean = self.add_weight(name="moving_mean", shape=(d,), initializer="zeros", trainable=False)
        self.moving_variance = self.add_weight(name="moving_variance", shape=(d,), initializer="ones", trainable=False)

    def call(self, x, training=False):
        if training:
            mean, var = tf.nn.moments(x, [0, 1, 2])
            if GOOD:
                self.moving_mean.assign(self.decay * self.moving_mean + (1 - self.decay) * mean)
                self.moving_variance.assign(self.decay * self.moving_variance + (1 - self.decay) * var)
        else:
            mean, var = self.moving_mean, self.moving_variance
        return self.gamma * (x - mean) * tf.math.rsqrt(var + self.epsilon) + self.beta


def ru(t, ch):
    r = layers.Conv2D(ch, 3, padding="same")(t)
    r = layers.ReLU()(BatchNorm()(r))
    r = BatchNorm()(layers.Conv2D(ch, 3, padding="same")(r))
    return layers.Add()([t, r])


def frru(y, z, ch, zch, scale):
    t = layers.Concatenate()([y, layers.MaxPooling2D(scale)(z)])
    t = layers.ReLU()(BatchNorm()(layers.Conv2D(ch, 3, padding="same")(t)))
    y = layers.ReLU()(BatchNorm()(layers.Conv2D(ch, 3, padding="same")(t)))
    r = layers.UpSampling2D(scale)(layers.Conv2D(zch, 1)(y))
    return y, layers.Add()([r, z])


def frrn():
    im = layers.Input((H, W, 3))
    t = layers.ReLU()(BatchNorm()(layers.Conv2D(8, 5, padding="same")(im)))
    t = ru(t, 8)
    y, z = t, layers.Conv2D(8, 1)(t)
    y = layers.MaxPooling2D()(y)
    y, z = frru(y, z, 16, 8, 2)
    y = layers.MaxPooling2D()(y)
    y, z = frru(y, z, 24, 8, 4)
    y = layers.UpSampling2D(interpolation="bilinear")(y)
    y, z = frru(y, z, 16, 8, 2)
    t = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(y), z])
    t = ru(layers.Conv2D(8, 1)(t), 8)
    return keras.Model(im, layers.Conv2D(NUM_CLASSES, 1)(t))


X, Y = build(120)
XV, YV = build(36)
BATCH_SIZE, TRAIN_NUM, K = 3, 240, H * W // 4

net = frrn()
optimizer = keras.optimizers.Adam(0.001)


@tf.function
def train_op(im, gt):
    with tf.GradientTape() as tape:
        logits = net(im, training=True)
        naive_loss = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=gt)
        boot_loss, _ = tf.nn.top_k(tf.reshape(naive_loss, [tf.shape(im)[0], -1]), k=K, sorted=False)
        loss = tf.reduce_mean(tf.reduce_sum(boot_loss, axis=1))
    g = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(g, net.trainable_variables))
    return loss, tf.argmax(logits, axis=3)


def mean_iou(p, t):
    s = [((p == k) & (t == k)).sum() / max(1, ((p == k) | (t == k)).sum()) for k in range(NUM_CLASSES)]
    return float(np.mean(s))


seen_p, seen_t = [], []
for it in range(1, TRAIN_NUM + 1):
    i = rng.integers(0, len(X), BATCH_SIZE)
    loss, preds = train_op(X[i], Y[i])
    seen_p.append(preds.numpy())
    seen_t.append(Y[i])
    if it % 40 == 0:
        train_iou = mean_iou(np.concatenate(seen_p[-40:]), np.concatenate(seen_t[-40:]))
        print("[%5d] Loss: %1.3f  mIoU of the training batches %.3f" % (it, float(loss), train_iou), flush=True)

P = np.concatenate([np.argmax(net(XV[k:k + 9], training=False), 3) for k in range(0, len(XV), 9)])
print("evaluation: pixel accuracy %.3f" % (P == YV).mean())
print("RESULT %s train=%.3f val=%.3f (mean IoU)" % ("good" if GOOD else "bad", train_iou, mean_iou(P, YV)))
