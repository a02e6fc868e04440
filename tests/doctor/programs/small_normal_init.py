"""A deep relu net starts from normal weights of deviation 0.01, so the signal shrinks at every layer.

AutoTrainer's vanishing gradient, Humbatova et al. 2020, Training / Hyperparameters (wrong initialisation).
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("vanishing-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(58)
    (x, y), (xv, yv) = shapes(4)

    def layer(kind, *args, **options):
        init = "he_normal" if repaired else keras.initializers.RandomNormal(stddev=0.01)
        return kind(*args, activation="relu", kernel_initializer=init, **options)

    inputs = layers.Input((24, 24, 3))
    h = layer(layers.Conv2D, 16, 3, padding="same")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layer(layers.Conv2D, 24, 3, padding="same")(h)
    h = layers.MaxPooling2D()(h)
    h = layer(layers.Conv2D, 24, 3, padding="same")(h)
    h = layers.Flatten()(h)
    for units in (64, 64):
        h = layer(layers.Dense, units)(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = tf.data.Dataset.from_tensor_slices(((x / 255).astype("float32"), y)).shuffle(len(x), seed=58).batch(32)
    val = tf.data.Dataset.from_tensor_slices(((xv / 255).astype("float32"), yv)).batch(100)
    model.fit(train, validation_data=val, epochs=7, callbacks=callbacks, verbose=0)
    return model
