"""Batches of two images (the author ran out of GPU memory elsewhere) with batch norm after each layer, whose mean and
variance are then noise. Known from the group norm paper (Wu and He 2018) and Keras issues."""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("small-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits(n_train=640)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    for _ in range(3):
        model.add(layers.Dense(48, use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Activation("relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x, y, batch_size=32 if repaired else 2, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0
    )
    return model
