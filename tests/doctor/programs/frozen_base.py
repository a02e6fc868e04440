"""A feature extractor is frozen for transfer learning, but its weights are random: none were loaded.

A frequent question (weights=None together with trainable = False); Humbatova et al. 2020, Model / Layers.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("frozen-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(49)
    (x, y), (xv, yv) = shapes(6)
    base = keras.Sequential([layers.Input((24, 24, 3)), layers.Rescaling(1 / 255)], name="base")
    for filters in (16, 32):
        base.add(layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"))
        base.add(layers.MaxPooling2D())
    base.add(layers.Conv2D(48, 3, activation="relu", kernel_initializer="he_normal"))
    base.trainable = repaired

    inputs = layers.Input((24, 24, 3))
    h = layers.GlobalMaxPooling2D()(base(inputs))
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
