"""An own loss with label smoothing expects one-hot rows and gets class numbers, which broadcast over all outputs.

Label encoding against the loss (Humbatova et al. 2020, UMLAUT); questions about own cross-entropies that do not learn.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import arrows

CAUSES = ("label-encoding",)


def smoothed_cross_entropy(y_true, y_pred):
    target = 0.95 * ops.cast(y_true, y_pred.dtype) + 0.05 / 4
    return -ops.sum(target * ops.log(y_pred + 1e-7), axis=-1)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(318)
    (x, y), (xv, yv) = arrows(seed=48)
    x, xv = x / 255.0, xv / 255.0
    y, yv = y[:, None], yv[:, None]
    metric = "sparse_categorical_accuracy"
    if repaired:
        y, yv = keras.utils.to_categorical(y, 4), keras.utils.to_categorical(yv, 4)
        metric = "categorical_accuracy"
    model = keras.Sequential(
        [
            layers.Input((20, 20, 3)),
            layers.SeparableConv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(2e-3), smoothed_cross_entropy, metrics=[metric])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
