"""The rate is multiplied by the batch size, as for large batches, but not divided by the 256 it was made for: 3.2.

The linear scaling rule of Goyal et al. copied incompletely; "loss jumps and stays at log of the number of classes".
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("learning-rate-high",)
BATCH = 32


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(430)
    (x, y), (xv, yv) = shapes(4, n_train=1000, seed=30)

    def prepare(image, label):
        return tf.cast(image, "float32") / 127.5 - 1, tf.one_hot(label, 4)

    train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1000, seed=30).map(prepare).batch(BATCH).prefetch(2)
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).map(prepare).batch(100)
    model = keras.Sequential([layers.Input((24, 24, 3))])
    for filters in (12, 24):
        model.add(layers.Conv2D(filters, 3, activation="relu", kernel_initializer="he_normal"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(32, activation="relu", kernel_initializer="he_normal"))
    model.add(layers.Dense(4))
    rate = 0.1 * BATCH / 256 if repaired else 0.1 * BATCH
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=6, callbacks=callbacks, verbose=0)
    return model
