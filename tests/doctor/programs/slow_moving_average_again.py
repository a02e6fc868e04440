"""Regressor for the place and size of a disc; batch norm with momentum 0.999 and few steps, so that evaluation runs on
averages still near their start. Stack Overflow: "batch norm: low training loss, huge validation loss"."""

import keras
from keras import layers

from doctor.toy_data.images import discs

CAUSES = ("lagging-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    momentum = 0.9 if repaired else 0.999
    (x, y), (xv, yv) = discs()
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    mean, std = y.mean(0), y.std(0)
    y, yv = (y - mean) / std, (yv - mean) / std
    inputs = keras.Input((24, 24, 1))
    h = inputs
    for filters in (12, 24, 32):
        h = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(h)
        h = layers.BatchNormalization(momentum=momentum)(h)
        h = layers.ReLU()(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(3)(h))
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
