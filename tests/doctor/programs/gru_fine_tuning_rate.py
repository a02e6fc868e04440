"""A GRU is trained from its random start with 2e-5, the rate for fine-tuning a language model.

UMLAUT's and DeepFD's too low learning rate; questions where the loss falls in the fourth decimal only.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.signals import gestures

CAUSES = ("learning-rate-low",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(304)
    (x, y), (xv, yv) = gestures(length=30, seed=34)
    mean, std = x.mean((0, 1)), x.std((0, 1))
    train = tf.data.Dataset.from_tensor_slices(((x - mean) / std, keras.utils.to_categorical(y, 4)))
    val = tf.data.Dataset.from_tensor_slices(((xv - mean) / std, keras.utils.to_categorical(yv, 4)))
    model = keras.Sequential(
        [
            layers.Input((30, 3)),
            layers.GRU(24),
            layers.Dense(16, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.AdamW(4e-3 if repaired else 2e-5, weight_decay=1e-4)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    model.fit(train.shuffle(900).batch(32), validation_data=val.batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
