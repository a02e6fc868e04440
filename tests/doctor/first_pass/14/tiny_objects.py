"""
SOURCE: https://github.com/huyvnphan/PyTorch_CIFAR10/issues/4 ("Pre-trained models - low accuracy?"; own answer of ameya98), whole
    thread seen. Trained ResNet on CIFAR-10, read through a loader with batch_size=1; PyTorch ported to Keras, a small ResNet and
    drawn objects here, trained in the program as the weights cannot be downloaded.
SEEN: The trained network has a very low accuracy (about 22 %) on a subset of 1000 pictures, even on the training set.
CAUSE: The network is not put into evaluation mode before it is read out: batch normalisation takes the statistics of the batch,
    and with a batch of one picture these have nothing in common with those of the training.
FIX: Evaluation mode (model.eval(), training=False in Keras) after the weights are there.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import tempfile

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(5)
rng = np.random.default_rng(60)
S = 32


def draw(k):
    yy, xx = np.mgrid[:S, :S].astype("float32")
    sky, ground = rng.uniform(0.4, 0.95, 3), rng.uniform(0.15, 0.6, 3)
    img = np.ones((S, S, 3)) * sky
    if k in (0, 8):                                            # aeroplane, ship
        ground = np.array([0.2, 0.35, 0.55]) + rng.normal(0, 0.08, 3) if k == 8 else sky
    h = rng.integers(17, 25)
    img[h:] = ground
    c = rng.uniform(0, 1, 3)
    x, y, s = 16 + rng.normal(0, 2), 16 + rng.normal(0, 2), rng.uniform(0.8, 1.2)
    u, v = (xx - x) / s, (yy - y) / s
    dark = c * 0.4
    if k == 0:
        img[(np.abs(v) < 1.6) & (np.abs(u) < 11)] = c
        img[(np.abs(u + 0.6 * np.abs(v)) < 2) & (np.abs(v) < 8)] = c
    elif k == 1:                                               # car
        img[(v > 0) & (v < 5) & (np.abs(u) < 11)] = c
        img[(v > -4) & (v <= 0) & (np.abs(u) < 6)] = c * 0.7
        for w in (-6, 6):
            img[np.hypot(u - w, v - 5) < 2.5] = 0.05
    elif k == 2:                                               # bird
        img[(u / 6) ** 2 + (v / 3.2) ** 2 < 1] = c
        img[np.hypot(u - 6, v + 3) < 2.3] = c
        img[(np.abs(v + 3) < 0.7) & (u > 7.5) & (u < 11)] = [0.9, 0.6, 0.1]
        img[(np.abs(u) < 0.8) & (v > 2) & (v < 8)] = 0.1
    elif k == 3:                                               # cat
        img[np.hypot(u, v) < 7] = c
        for e in (-4.5, 4.5):
            img[(np.abs(u - e) < (v + 11) / 2) & (v > -11) & (v < -3)] = c
            img[np.hypot(u - e * 0.6, v + 1) < 1.2] = [0.6, 0.8, 0.1]
    elif k == 4:                                               # deer
        img[(u / 7) ** 2 + (v / 3.5) ** 2 < 1] = [0.5, 0.35, 0.2]
        for w in (-5, -2, 2, 5):
            img[(np.abs(u - w) < 0.8) & (v > 1) & (v < 11)] = [0.4, 0.28, 0.15]
        for w in (5, 8):
            img[(np.abs(u - w) < 0.6) & (v > -11) & (v < -2)] = [0.3, 0.2, 0.1]
    elif k == 5:                                               # dog
        img[np.hypot(u, v) < 6.5] = c
        for e in (-7, 7):
            img[((u - e) / 2) ** 2 + ((v - 1) / 5.5) ** 2 < 1] = dark
        img[np.hypot(u, v - 2.5) < 1.6] = 0.05
    elif k == 6:                                               # frog
        img[(u / 9) ** 2 + ((v - 2) / 5) ** 2 < 1] = [0.25, 0.6, 0.2]
        for e in (-5, 5):
            img[np.hypot(u - e, v + 3) < 2.6] = [0.35, 0.7, 0.25]
            img[np.hypot(u - e, v + 3) < 1.0] = 0.05
    elif k == 7:                                               # horse
        img[(u / 8) ** 2 + (v / 3.5) ** 2 < 1] = c * 0.6
        img[(np.abs(u - 6 - (-v) * 0.3) < 2) & (v > -9) & (v < 0)] = c * 0.6
        for w in (-6, -3.5, 3.5, 6):
            img[(np.abs(u - w) < 1.0) & (v > 1) & (v < 10)] = c * 0.5
    elif k == 8:
        img[(v > 1) & (v < 6) & (np.abs(u) < 12 - v)] = c
        img[(v > -6) & (v <= 1) & (np.abs(u) < 4)] = 0.9
    else:                                                      # lorry
        img[(v > -7) & (v < 5) & (u > -12) & (u < 5)] = c
        img[(v > -3) & (v < 5) & (u >= 6) & (u < 11)] = dark
        for w in (-8, 0, 8):
            img[np.hypot(u - w, v - 5) < 2.2] = 0.05
    if rng.random() < 0.5:
        img = img[:, ::-1]
    img = img * rng.uniform(0.55, 1.15) + rng.normal(0, 0.07, img.shape)
    return (np.clip(img, 0, 1) * 255).astype(np.uint8)


def cifar(n):
    y = rng.integers(0, 10, n)
    return np.stack([draw(k) for k in y]), y.astype("int32")


mean = np.array([0.4914, 0.4822, 0.4465], "float32")
std = np.array([0.2023, 0.1994, 0.2010], "float32")


def transform(x):
    return (x.astype("float32") / 255.0 - mean) / std


def basic_block(x, f, stride):
    r = layers.Conv2D(f, 3, strides=stride, padding="same", use_bias=False)(x)
    r = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(r))
    r = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, padding="same", use_bias=False)(r))
    if stride > 1:
        x = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 1, strides=stride, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, r]))


def resnet():
    inp = layers.Input((S, S, 3))
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(inp)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = basic_block(x, 12, 1)
    x = basic_block(x, 24, 2)
    x = basic_block(x, 48, 2)
    x = basic_block(x, 64, 2)
    return keras.Model(inp, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


class Net:
    def __init__(self, net):
        self.net, self.mode = net, "train"

    def eval(self):
        self.mode = "eval"
        return self

    def train(self):
        self.mode = "train"
        return self

    def forward(self, x):
        return self.net(x, training=self.mode == "train")


train_x, train_y = cifar(1800)
test_x, test_y = cifar(300)

weights = os.path.join(tempfile.mkdtemp(), "objects.weights.h5")
model = Net(resnet())
optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        out = model.forward(x)
        loss = criterion(y, out)
    v = model.net.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, v), v))
    return loss, tf.reduce_mean(tf.cast(tf.argmax(out, 1, output_type=tf.int32) == y, tf.float32))


for epoch in range(6):
    o, logs = rng.permutation(len(train_x)), []
    for k in range(0, len(o) - 63, 64):
        i = o[k:k + 64]
        logs.append([float(t) for t in step(transform(train_x[i]), train_y[i])])
    print("epoch %d loss %.3f acc %.3f" % (epoch, *np.mean(logs, 0)), flush=True)

model.net.save_weights(weights)

model = Net(resnet())
model.net.load_weights(weights)
os.remove(weights)
if GOOD:
    model.eval()


@tf.function(input_signature=[tf.TensorSpec((1, S, S, 3), tf.float32)])
def predict(x):
    return tf.argmax(model.forward(x), 1)


def accuracy(x, y):
    hits = [int(predict(transform(x[i:i + 1]))[0]) == y[i] for i in range(len(x))]
    return float(np.mean(hits))


tr, te = accuracy(train_x[:300], train_y[:300]), accuracy(test_x, test_y)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", tr, te))
