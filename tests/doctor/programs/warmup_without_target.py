"""CosineDecay with warmup_steps, but no warmup_target: no warm-up takes place, and the rate falls from 1e-6.

A trap of Keras' schedule with two uses of initial_learning_rate; too low a rate in Humbatova et al. 2020 and UMLAUT.
"""

import keras
from keras import layers

from doctor.toy_data.images import surfaces

CAUSES = ("learning-rate-low",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(431)
    (x, y), (xv, yv) = surfaces(n_train=1024, seed=31)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    epochs, steps = 8, 1024 // 32
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=1e-6,
        decay_steps=(epochs - 1) * steps,
        warmup_target=3e-3 if repaired else None,
        warmup_steps=steps,
    )
    inputs = layers.Input((20, 20, 1))
    h = layers.Conv2D(12, 3, activation="relu")(inputs)
    h = layers.Conv2D(16, 3, strides=2, activation="relu")(h)
    h = layers.Conv2D(24, 3, activation="relu")(h)
    h = layers.GlobalMaxPooling2D()(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=epochs, batch_size=32, callbacks=callbacks, verbose=0)
    return model
