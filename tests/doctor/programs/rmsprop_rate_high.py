"""RMSprop runs with a rate of 0.5 in a binary classifier whose loss jumps about and does not fall.

AutoTrainer's oscillating loss, UMLAUT's "learning rate too high", DeepFD's learning rate faults.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(72)
    (x, y), (xv, yv) = digits(8)

    def pipeline(images, labels):
        labels = (labels % 2).astype("float32")[:, None]
        return tf.data.Dataset.from_tensor_slices(((images / 255).astype("float32"), labels))

    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, use_bias=False, kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(0.001 if repaired else 0.5), "binary_crossentropy", metrics=["accuracy"])
    train = pipeline(x, y).shuffle(len(x), seed=72).batch(32)
    model.fit(train, validation_data=pipeline(xv, yv).batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
