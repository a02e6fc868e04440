"""SpatialDropout2D(0.8) after each convolution throws away four of five whole maps, three times in a row.

Too much dropout as in DeepFD and AutoTrainer; asked as "training accuracy stays at chance once I add dropout".
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("excessive-dropout",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(424)
    (x, y), (xv, yv) = shapes(6, n_train=900, seed=24)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    rate = 0.05 if repaired else 0.8
    inputs = layers.Input((24, 24, 3))
    h = inputs
    for filters in (8, 16, 24):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
        h = layers.SpatialDropout2D(rate)(h)
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
