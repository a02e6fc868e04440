"""All layers start from one constant ("to make runs reproducible"), so all filters of a layer stay copies of each
other. Bad weight initialisation in Humbatova et al. and DeepLocalize; a classic of Stack Overflow.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("symmetric-init",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    init = "glorot_uniform" if repaired else keras.initializers.Constant(0.03)
    (x, y), (xv, yv) = digits(size=12)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer=init),
            layers.MaxPooling2D(),
            layers.Conv2D(24, 3, activation="relu", kernel_initializer=init),
            layers.Flatten(),
            layers.Dense(32, activation="relu", kernel_initializer=init),
            layers.Dense(10, activation="softmax", kernel_initializer=init),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=7, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
