"""The shuffle buffer holds 16 of 900 sorted examples, which leaves the classes in their order.

A frequent question about the buffer_size of tf.data.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("unshuffled-data",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(19)
    (x, y), (xv, yv) = shapes(4)
    order = np.argsort(y, kind="stable")
    x, xv = (x[order] / 255).astype("float32"), (xv / 255).astype("float32")
    y, yv = keras.utils.to_categorical(y[order], 4), keras.utils.to_categorical(yv, 4)
    train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x) if repaired else 16, seed=19).batch(32)
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).batch(100)

    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
