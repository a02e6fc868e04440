"""The files are listed class by class and the pipeline shuffles after batching: each batch still has one class only.

Questions about the order of shuffle and batch in tf.data; unshuffled training data in Humbatova et al. 2020.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(320)
    (x, y), (xv, yv) = digits(16, seed=50)
    order = np.argsort(y, kind="stable")  # the order of the folders
    x, y = x[order], y[order]
    train = tf.data.Dataset.from_tensor_slices(((x / 255.0).astype("float32"), y))
    train = train.shuffle(1300).batch(32) if repaired else train.batch(32).shuffle(1300)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255.0).astype("float32"), yv)).batch(100)
    inputs = layers.Input((16, 16, 1))
    h = inputs
    for filters in (16, 24):
        h = layers.Conv2D(filters, 3, activation="relu")(h)
        if filters < 24:
            h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(10)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(train.prefetch(2), validation_data=val, epochs=7, callbacks=callbacks, verbose=0)
    return model
