"""The map function that scales the images divides the labels by 255 as well; the sparse loss casts them to 0, so all
are class 0: loss near 0, accuracy near 10 %. Seen in Stack Overflow questions about image_dataset_from_directory."""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("single-class", "label-encoding")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=16)

    def scale(image, label):
        if repaired:
            return tf.cast(image, tf.float32) / 255, label
        return tf.cast(image, tf.float32) / 255, tf.cast(label, tf.float32) / 255

    train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1300, seed=4).batch(32).map(scale).prefetch(2)
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).batch(100).map(scale)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=6, validation_data=val, callbacks=callbacks, verbose=0)
    return model
