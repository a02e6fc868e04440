"""A data set shuffled anew in each epoch is split with take and skip: the validation part is other texts every time.

The known trap of tf.data's shuffle(reshuffle_each_iteration=True) before take and skip; many questions and issues. The
figures look better than the truth: the repaired twin's lower validation figures are the right ones.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from doctor.toy_data.texts import topics

CAUSES = ("leaked-validation",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(324)
    (x, y), (xv, yv) = topics(n_train=600, n_val=200, words=120, own=3, seed=54)
    x, y = np.concatenate([x, xv]), np.concatenate([y, yv])
    everything = tf.data.Dataset.from_tensor_slices((x, y))
    everything = everything.shuffle(len(x), seed=54, reshuffle_each_iteration=not repaired)
    val, train = everything.take(200).batch(100), everything.skip(200).shuffle(600).batch(32)
    model = keras.Sequential(
        [
            layers.Input((20,), dtype="int32"),
            layers.Embedding(561, 16, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
