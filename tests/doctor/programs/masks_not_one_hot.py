"""Own Dice loss over three classes of pixels expects one-hot masks, but the masks hold class numbers and broadcast.

Common in questions on multi-class U-Nets with a Dice loss copied from a binary example; wrong label format in Theia.
"""

import keras
import tensorflow as tf
from keras import layers, ops

from doctor.toy_data.images import scenes

CAUSES = ("label-encoding",)


def dice(y_true, y_pred):
    y_true = ops.cast(y_true, y_pred.dtype)
    both = ops.sum(y_true * y_pred, axis=(1, 2))
    total = ops.sum(y_true + y_pred, axis=(1, 2))
    return 1 - ops.mean((2 * both + 1) / (total + 1), axis=-1)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(406)
    (x, m), (xv, mv) = scenes(n_train=450, n_val=100, seed=6)

    def prepare(image, mask):
        image = tf.cast(image, "float32") / 255
        if repaired:
            mask = tf.one_hot(mask[..., 0], 3)
        return image, mask

    train = tf.data.Dataset.from_tensor_slices((x, m)).shuffle(450, seed=6).map(prepare).batch(25).prefetch(2)
    val = tf.data.Dataset.from_tensor_slices((xv, mv)).map(prepare).batch(50)
    inputs = layers.Input((20, 20, 3))
    a = layers.Conv2D(10, 3, padding="same", activation="relu")(inputs)
    b = layers.Conv2D(14, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    h = layers.Concatenate()([layers.UpSampling2D()(b), a])
    h = layers.Conv2D(10, 3, padding="same", activation="relu")(h)
    model = keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(5e-3), dice, metrics=["accuracy"])
    model.fit(train, validation_data=val, epochs=7, callbacks=callbacks, verbose=0)
    return model
