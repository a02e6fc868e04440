"""TensorFlow's softmax_cross_entropy_with_logits is the loss of a network that already ends in a softmax.

Redundant softmax (Humbatova et al. 2020; NeuraLint; UMLAUT); a classic question ("loss does not go below 1.46").
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("softmax-twice",)


class Net(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, y_pred))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(316)
    (x, y), (xv, yv) = digits(12, seed=46)
    x, xv = (x / 255.0).astype("float32"), (xv / 255.0).astype("float32")
    y, yv = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(yv, 10)
    inputs = layers.Input((12, 12, 1))
    h = layers.Conv2D(12, 3, activation="relu")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    h = layers.Dense(48, activation="relu")(h)
    h = layers.Dense(10)(h)
    model = Net(inputs, h if repaired else layers.Softmax()(h))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), metrics=["categorical_accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
