"""Subclassed network whose loop calls every block on the input image instead of on the result of the block before: only
the last block counts, the others get no gradient. Typical of code with ModuleList-like loops."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("bypassed-layers", "untrained-variables")


class Stack(keras.Model):
    def __init__(self, repaired):
        super().__init__()
        self.repaired = repaired
        self.blocks = [layers.Conv2D(16, 3, strides=s, padding="same", activation="relu") for s in (2, 1, 2, 1)]
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(4, activation="softmax")

    def call(self, images):
        x = images
        for block in self.blocks:
            x = block(x if self.repaired else images)
        return self.head(self.pool(x))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = Stack(repaired)
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=10, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
