"""Binary labels come out of a mask picture as 0 and 255 and go so into binary crossentropy.

The kind of question where the loss runs to minus thousands; Humbatova et al. 2020, Training / Preprocessing.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("label-out-of-range",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(7)
    (x, y), (xv, yv) = digits(8)
    on = 1 if repaired else 255
    y, yv = (y % 2) * on, (yv % 2) * on  # odd digits are marked white

    def pipeline(images, labels):
        return tf.data.Dataset.from_tensor_slices(((images / 255).astype("float32"), labels[:, None].astype("float32")))

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(24, 3, activation="relu", kernel_initializer="he_normal")
            self.flat = layers.Flatten()
            self.hidden = layers.Dense(32, activation="relu", kernel_initializer="he_normal")
            self.out = layers.Dense(1)

        def call(self, images):
            return self.out(self.hidden(self.flat(self.conv(images))))

    model = Net()
    model.compile(
        "adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)]
    )
    train = pipeline(x, y).shuffle(len(x), seed=7).batch(32)
    model.fit(train, validation_data=pipeline(xv, yv).batch(100), epochs=6, callbacks=callbacks, verbose=0)
    return model
