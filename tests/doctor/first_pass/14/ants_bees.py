"""
SOURCE: https://github.com/pytorch/tutorials/pull/640 ("Update transfer_learning_tutorial.py", merged), whole thread seen; the same
    mistake with its effect in words in https://github.com/Lornatang/SRGAN-PyTorch/issues/1. Ants and bees, 244 pictures, batch 4,
    PyTorch ported to Keras; drawn insects and a small ResNet from scratch here (rate 0.01 instead of 0.001 for that reason).
SEEN: The network does not seem to train: loss and accuracy move a little at the very start and then stay where they are.
CAUSE: The step of the learning rate schedule (StepLR, factor 0.1 every 7 steps, meant as epochs) is made after every batch
    instead of after every epoch; after a few dozen batches the learning rate is practically zero.
FIX: scheduler.step() once per epoch.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

import numpy as np
import tensorflow as tf
import keras
from keras import layers

keras.utils.set_random_seed(8)
rng = np.random.default_rng(80)
S = 40


def insect(bee):
    yy, xx = np.mgrid[:S, :S].astype("float32")
    base = np.array([0.45, 0.6, 0.3]) if rng.random() < 0.5 else np.array([0.7, 0.6, 0.45])
    img = base + rng.normal(0, 0.1, 3) + 0.1 * np.sin(xx / rng.uniform(2, 8) + rng.uniform(0, 6))[..., None] * rng.uniform(-1, 1, 3)
    cx, cy, a, s = 20 + rng.normal(0, 2.5), 20 + rng.normal(0, 2.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.2)
    u = ((xx - cx) * np.cos(a) + (yy - cy) * np.sin(a)) / s
    v = (-(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)) / s
    body = np.array([0.75, 0.5, 0.1]) if bee else (np.array([0.35, 0.12, 0.06]) if rng.random() < 0.6 else np.array([0.08, 0.07, 0.06]))
    body = body * rng.uniform(0.6, 1.2)
    for k in (-5, 0, 5):
        img[(np.abs(u - k - 0.25 * np.abs(v)) < 0.6) & (np.abs(v) < (7 if bee else 9))] = 0.12
    w, l = (4.2, 6.0) if bee else (2.8, 4.5)
    img[((u + 7) / l) ** 2 + (v / w) ** 2 < 1] = body
    if bee:
        img[(((u + 7) / l) ** 2 + (v / w) ** 2 < 1) & ((u + 20) % 4 < 1.7)] = 0.1
    img[(u / (4.0 if bee else 3.0)) ** 2 + (v / (3.5 if bee else 1.8)) ** 2 < 1] = body * 0.8
    img[np.hypot(u - 6, v) < (2.6 if bee else 2.8)] = body * 0.6
    if bee and rng.random() < 0.85:
        for d in (-1, 1):
            m = ((u + 3) / 5.5) ** 2 + ((v - d * 6) / 2.4) ** 2 < 1
            img[m] = 0.55 * img[m] + 0.4
    img = img * rng.uniform(0.65, 1.15) + rng.normal(0, 0.07, img.shape)
    return np.clip(img, 0, 1)


def folder(n):
    y = rng.integers(0, 2, n)
    return np.stack([insect(k) for k in y]).astype("float32"), y.astype("int32")


mean, std = np.array([0.485, 0.456, 0.406], "float32"), np.array([0.229, 0.224, 0.225], "float32")
data = {"train": folder(244), "val": folder(153)}
dataset_sizes = {k: len(v[1]) for k, v in data.items()}


def dataloader(phase):
    x, y = data[phase]
    order = rng.permutation(len(y))
    size = 4 if phase == "train" else 51
    for k in range(0, len(y), size):
        i = order[k:k + size]
        b = x[i]
        if phase == "train" and rng.random() < 0.5:
            b = b[:, :, ::-1]
        yield (b - mean) / std, y[i]


class StepLR:
    def __init__(self, optimizer, step_size, gamma):
        self.optimizer, self.step_size, self.gamma, self.last = optimizer, step_size, gamma, 0

    def step(self):
        self.last += 1
        if self.last % self.step_size == 0:
            self.optimizer.learning_rate.assign(self.optimizer.learning_rate * self.gamma)


def block(x, f):
    r = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, strides=2, padding="same", use_bias=False)(x)))
    r = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(f, 3, padding="same", use_bias=False)(r))
    return layers.ReLU()(layers.Add()([r, layers.Conv2D(f, 1, strides=2)(x)]))


inp = layers.Input((S, S, 3))
t = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(12, 5, strides=2, padding="same", use_bias=False)(inp)))
for f in (16, 32, 48):
    t = block(t, f)
model = keras.Model(inp, layers.Dense(2)(layers.GlobalAveragePooling2D()(t)))

criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.SGD(learning_rate=0.01, momentum=0.9)
scheduler = StepLR(optimizer, step_size=7, gamma=0.1)


@tf.function(reduce_retracing=True)
def train_batch(x, y):
    with tf.GradientTape() as tape:
        out = model(x, training=True)
        loss = criterion(y, out)
    v = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, v), v))
    return loss, tf.argmax(out, 1, output_type=tf.int32)


def train_model(num_epochs=9):
    acc = {}
    for epoch in range(num_epochs):
        for phase in ["train", "val"]:
            running_loss, running_corrects = 0.0, 0
            for inputs, labels in dataloader(phase):
                if phase == "train":
                    loss, preds = train_batch(inputs, labels)
                    if not GOOD:
                        scheduler.step()
                else:
                    outputs = model(inputs, training=False)
                    loss, preds = criterion(labels, outputs), tf.argmax(outputs, 1)
                running_loss += float(loss) * len(labels)
                running_corrects += int((preds.numpy() == labels).sum())
            if phase == "train" and GOOD:
                scheduler.step()
            acc[phase] = running_corrects / dataset_sizes[phase]
            print("Epoch %d/%d %s Loss: %.4f Acc: %.4f" % (epoch, num_epochs - 1, phase, running_loss / dataset_sizes[phase], acc[phase]), flush=True)
    return acc


result = train_model()
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", result["train"], result["val"]))
