"""A functional model without a final activation is compiled with the string "categorical_crossentropy".

UMLAUT's "missing softmax layer before loss"; DeepLocalize has programs with a linear last layer.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("missing-softmax",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(38)
    (x, y), (xv, yv) = shapes(4)

    def pipeline(images, labels):
        return tf.data.Dataset.from_tensor_slices(((images / 255).astype("float32"), tf.one_hot(labels, 4)))

    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(h)
        h = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(h))
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    outputs = layers.Dense(4)(h)
    if repaired:
        outputs = layers.Softmax()(outputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    train = pipeline(x, y).shuffle(len(x), seed=38).batch(32)
    model.fit(train, validation_data=pipeline(xv, yv).batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
