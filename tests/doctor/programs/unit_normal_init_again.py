"""Kernels drawn with tf.random_normal's deviation of 1, as in old tutorials, in a network of five wide layers: outputs
in the tens of thousands. Stack Overflow: "huge initial loss"; Glorot and Bengio 2010."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("exploding-signal", "large-first-loss")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    init = "glorot_normal" if repaired else keras.initializers.RandomNormal(stddev=1.0)
    (x, y), (xv, yv) = shapes(classes=3)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", kernel_initializer=init)(inputs)
    h = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", kernel_initializer=init)(h)
    h = layers.Flatten()(h)
    h = layers.Dense(64, activation="relu", kernel_initializer=init)(h)
    h = layers.Dense(64, activation="relu", kernel_initializer=init)(h)
    outputs = layers.Dense(3, activation="softmax", kernel_initializer=init)(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=9, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
