"""Deep plain network with AlexNet's initialisation (normal, deviation 0.01) in all layers: the signal shrinks in
each of them, as He et al. 2015 report for VGG-like networks.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("vanishing-signal",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    init = "he_normal" if repaired else keras.initializers.RandomNormal(stddev=0.01)
    (x, y), (xv, yv) = digits(size=16)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255

    def conv(filters):
        return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer=init)

    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            conv(12),
            layers.MaxPooling2D(),
            conv(16),
            conv(16),
            layers.MaxPooling2D(),
            conv(24),
            conv(24),
            layers.Flatten(),
            layers.Dense(48, activation="relu", kernel_initializer=init),
            layers.Dense(10, kernel_initializer=init),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
