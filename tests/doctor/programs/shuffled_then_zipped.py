"""A tf.data pipeline shuffles the images and zips them with the labels afterwards: the pairs are lost.

The kind of question where a dataset works without shuffle and stays at chance with it.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(14)
    (x, y), (xv, yv) = shapes(4)
    images = tf.data.Dataset.from_tensor_slices(x).map(lambda i: tf.cast(i, tf.float32) / 255)
    labels = tf.data.Dataset.from_tensor_slices(y)
    if repaired:
        train = tf.data.Dataset.zip(images, labels).shuffle(len(x), seed=14).batch(32)
    else:
        train = tf.data.Dataset.zip(images.shuffle(len(x), seed=14), labels).batch(32)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255).astype("float32"), yv)).batch(100)

    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(h)
        h = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(h))
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(4)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
