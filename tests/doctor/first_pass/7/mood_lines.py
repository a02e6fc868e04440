"""Source: tensorflow/models#4312 ("adversarial_text loss is negative values"), comment of kmeng01 (2018-06-27, found it
himself) seen.

What the person saw: train_classifier.py on texts of 3 classes; the loss is negative and reaches -15000.

CAUSE: the setting num_classes was left at its default 2, so there is one output unit with a sigmoid loss, while the
labels are 0, 1 and 2.
FIX: num_classes=3.
(Small net in Keras with the same switch between one logit and several; texts are made-up integers.)
"""
import sys
import argparse
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(27)
rng = np.random.default_rng(27)

parser = argparse.ArgumentParser()
parser.add_argument("--num_classes", type=int, default=2)
parser.add_argument("--vocab_size", type=int, default=400)
parser.add_argument("--num_timesteps", type=int, default=20)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--max_steps", type=int, default=600)
FLAGS = parser.parse_args(["--num_classes=3"] if GOOD else [])


def corpus(n):
    labels = rng.integers(0, 3, n)
    tokens = rng.integers(60, FLAGS.vocab_size, (n, FLAGS.num_timesteps))
    for i, k in enumerate(labels):
        at = rng.choice(FLAGS.num_timesteps, 4, replace=False)
        tokens[i, at] = rng.integers(1 + 19 * k, 20 + 19 * k, 4)
    return tokens, labels


x_train, y_train = corpus(1600)
x_eval, y_eval = corpus(400)

units = 1 if FLAGS.num_classes == 2 else FLAGS.num_classes
inp = keras.Input((FLAGS.num_timesteps,), dtype="int32")
h = layers.Embedding(FLAGS.vocab_size, 24)(inp)
h = layers.LSTM(32)(h)
h = layers.Dense(20, activation="relu")(h)
logits = layers.Dense(units)(h)
model = keras.Model(inp, logits)
if FLAGS.num_classes == 2:
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
else:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(2e-3), loss=loss)

for step in range(FLAGS.max_steps):
    take = rng.integers(0, len(x_train), FLAGS.batch_size)
    value = model.train_on_batch(x_train[take], y_train[take, None].astype("float32"))
    if step % 100 == 0:
        print("step", step, "loss", float(value))


def accuracy(x, y):
    out = model.predict(x, verbose=0)
    guess = (out[:, 0] > 0).astype(int) if FLAGS.num_classes == 2 else out.argmax(1)
    return (guess == y).mean()


print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], accuracy(x_train, y_train), accuracy(x_eval, y_eval)))
