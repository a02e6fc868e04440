"""Small residual network; the tf.data pipeline of the training images scales them, that of the validation images only
casts. Very frequent with ImageDataGenerator(rescale=...) given for training only (Stack Overflow)."""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("unscaled-evaluation",)


def block(h, filters, strides):
    skip = layers.Conv2D(filters, 1, strides=strides)(h)
    h = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(h)
    h = layers.BatchNormalization(momentum=0.9)(h)
    h = layers.ReLU()(h)
    h = layers.Conv2D(filters, 3, padding="same")(h)
    return layers.ReLU()(layers.Add()([h, skip]))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)

    def scale(image, label):
        return tf.cast(image, tf.float32) / 255.0, label

    def cast(image, label):
        return tf.cast(image, tf.float32), label

    train = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=1).map(scale).batch(32).prefetch(2)
    val = tf.data.Dataset.from_tensor_slices((xv, yv)).map(scale if repaired else cast).batch(64)
    inputs = keras.Input((24, 24, 3))
    h = block(inputs, 12, 2)
    h = block(h, 24, 2)
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, epochs=8, validation_data=val, callbacks=callbacks, verbose=0)
    return model
