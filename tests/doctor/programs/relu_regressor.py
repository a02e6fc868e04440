"""The targets of a regressor lie on both sides of zero and its last layer has a relu.

NeuraLint's last-layer rules, DeepFD's activation faults; a frequent question ("regression predicts only zeros").
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("output-activation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(43)
    (x, y), (xv, yv) = discs()
    y, yv = (y[:, :2] - 12) / 6, (yv[:, :2] - 12) / 6  # offset of the disc from the centre of the image

    def pipeline(images, targets):
        return tf.data.Dataset.from_tensor_slices(((images / 255).astype("float32"), targets))

    model = keras.Sequential(
        [
            layers.Input((24, 24, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(24, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"),
            layers.Flatten(),
            layers.Dense(64, activation="relu", kernel_initializer="he_normal"),
            layers.Dense(2, activation=None if repaired else "relu"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse", metrics=["mae"])
    train = pipeline(x, y).shuffle(len(x), seed=43).batch(32)
    model.fit(train, validation_data=pipeline(xv, yv).batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
