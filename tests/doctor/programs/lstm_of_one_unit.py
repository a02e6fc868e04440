"""The LSTM has one unit, as its author took `units` for the number of outputs: one number has to tell four gestures.

The question what `units` of an LSTM means is among the most viewed ones on Keras.
"""

import keras
from keras import layers

from doctor.toy_data.signals import gestures

CAUSES = ("collapsed-features",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(423)
    (x, y), (xv, yv) = gestures(n_train=1200, seed=23)
    mean, std = x.mean((0, 1)), x.std((0, 1))
    x, xv = (x - mean) / std, (xv - mean) / std
    model = keras.Sequential(
        [
            layers.Input((40, 3)),
            layers.LSTM(24 if repaired else 1),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
