"""A loss function of one's own calls tf.nn.softmax_cross_entropy_with_logits on softmax outputs.

The classic question on TensorFlow's "..._with_logits" functions; Humbatova et al. 2020, Training / Loss function.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("softmax-twice",)


def smooth_loss(y_true, y_pred):
    y_true = 0.95 * y_true + 0.05 / 6
    return tf.nn.softmax_cross_entropy_with_logits(y_true, y_pred)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(34)
    (x, y), (xv, yv) = shapes(6)
    x, xv = x / 255.0, xv / 255.0
    y, yv = keras.utils.to_categorical(y, 6), keras.utils.to_categorical(yv, 6)
    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(layers.Flatten()(h))
    model = keras.Model(inputs, layers.Dense(6, activation=None if repaired else "softmax")(h))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), smooth_loss, metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
