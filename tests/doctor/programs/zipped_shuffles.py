"""Images and labels are two tf.data sets, each shuffled on its own before they are zipped, so the pairs are torn apart.
A frequent question about Dataset.zip and shuffle on Stack Overflow and GitHub."""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("shuffled-labels",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(size=12)
    images = tf.data.Dataset.from_tensor_slices(x).map(lambda i: tf.cast(i, tf.float32) / 255)
    labels = tf.data.Dataset.from_tensor_slices(y).map(lambda c: tf.one_hot(c, 10))
    if repaired:
        train = tf.data.Dataset.zip((images, labels)).shuffle(1300, seed=1)
    else:
        train = tf.data.Dataset.zip((images.shuffle(1300, seed=1), labels.shuffle(1300, seed=2)))
    val = tf.data.Dataset.from_tensor_slices((xv.astype("float32") / 255, tf.one_hot(yv, 10))).batch(100)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(32, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(train.batch(32).prefetch(2), epochs=6, validation_data=val, callbacks=callbacks, verbose=0)
    return model
