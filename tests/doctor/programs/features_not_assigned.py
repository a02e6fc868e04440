"""In a subclassed model the convolutions are called and their result is not assigned: the head sees the image.

NeuraLint's graph faults; the kind of slip that PyTorch's in-place habits bring ("self.features(x)" on its own line).
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("bypassed-layers",)


class Net(keras.Model):
    def __init__(self, assign):
        super().__init__()
        self.assign = assign
        self.scale = layers.Rescaling(1 / 255)
        self.features = keras.Sequential(
            [
                layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
                layers.MaxPooling2D(),
                layers.Conv2D(32, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
                layers.MaxPooling2D(),
            ]
        )
        self.flat = layers.Flatten()
        self.out = layers.Dense(6, activation="softmax")

    def call(self, images):
        h = self.scale(images)
        if self.assign:
            h = self.features(h)
        else:
            self.features(h)
        return self.out(self.flat(h))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(28)
    (x, y), (xv, yv) = shapes(6)
    y, yv = keras.utils.to_categorical(y, 6), keras.utils.to_categorical(yv, 6)
    model = Net(assign=repaired)
    model.compile(keras.optimizers.Adam(2e-3), "categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
