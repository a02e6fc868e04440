"""
Source: keras-team/keras#13056 ("training accuracy increase fast validation accuracy not change"),
https://github.com/keras-team/keras/issues/13056 (the reporter found it himself; only the end of the thread was seen,
the faulty lines are rebuilt from his correction).
Seen: an inception net trained from scratch, fed by a generator over a tf.data set; the training accuracy goes up
very fast, the validation accuracy does not move.
CAUSE: the generator makes a new iterator of the dataset for every batch, so it gives the first batch again and again.
FIX: make the iterator once, before the loop.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)

CLASSES = 8
BATCH = 32


def draw(label):
    img = rng.normal(110, 25, (32, 32, 3))
    cy, cx = rng.integers(10, 22, 2)
    yy, xx = np.mgrid[:32, :32]
    r = rng.integers(5, 9)
    shapes = [
        (yy - cy) ** 2 + (xx - cx) ** 2 < r * r,
        (abs(yy - cy) < r) & (abs(xx - cx) < r),
        abs(yy - cy) + abs(xx - cx) < r + 2,
        (abs(yy - cy) < 2) | (abs(xx - cx) < 2),
        abs((yy - cy) - (xx - cx)) < 3,
        abs((yy - cy) + (xx - cx)) < 3,
        (abs(yy - cy) < 3),
        (abs(xx - cx) < 3),
    ]
    img[shapes[label]] += rng.choice([-1, 1]) * rng.uniform(60, 110, 3)
    return np.clip(img, 0, 255).astype("uint8")


def load(n):
    y = rng.integers(0, CLASSES, n)
    return np.stack([draw(c) for c in y]), y


def preprocess(x, y):
    x = tf.cast(x, tf.float32) / 127.5 - 1.0
    return x, tf.one_hot(y, CLASSES)


x_train, y_train = load(1600)
x_val, y_val = load(480)
train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train)).map(preprocess).batch(BATCH).repeat()
val_ds = tf.data.Dataset.from_tensor_slices((x_val, y_val)).map(preprocess).batch(BATCH).repeat()


def data_generator(dataset):
    if GOOD:
        iterator = iter(dataset)
        while True:
            yield next(iterator)
    while True:
        yield next(iter(dataset))


def conv_bn(x, filters, size, strides=1):
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation("relu")(x)


def inception(x, f):
    a = conv_bn(x, f, 1)
    b = conv_bn(conv_bn(x, f, 1), f, 3)
    c = conv_bn(conv_bn(x, f, 1), f, 5)
    return layers.Concatenate()([a, b, c])


inputs = keras.Input((32, 32, 3))
x = conv_bn(inputs, 16, 3, strides=2)
x = inception(x, 12)
x = layers.MaxPooling2D()(x)
x = inception(x, 16)
x = layers.MaxPooling2D()(x)
x = layers.Flatten()(x)
outputs = layers.Dense(CLASSES, activation="softmax")(x)
model = keras.Model(inputs, outputs)

model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    data_generator(train_ds),
    steps_per_epoch=len(x_train) // BATCH,
    epochs=5,
    validation_data=data_generator(val_ds),
    validation_steps=len(x_val) // BATCH,
    verbose=2,
)

_, val_acc = model.evaluate(val_ds, steps=len(x_val) // BATCH, verbose=0)
print("RESULT %s train=%.3f val=%.3f (accuracy; train as reported by fit)" % (
    sys.argv[1], history.history["accuracy"][-1], val_acc))
