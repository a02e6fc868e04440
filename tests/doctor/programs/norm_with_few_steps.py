"""Large batches make eight steps an epoch, too few for the moving averages of batch norm with momentum 0.99.

Many questions and issues: training accuracy is fine, validation at chance for the first tens of epochs.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("lagging-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(350)
    momentum = 0.9 if repaired else 0.99
    (x, y), (xv, yv) = shapes(4, n_train=1000, seed=80)
    x, xv = x / 255.0, xv / 255.0
    model = keras.Sequential([layers.Input((24, 24, 3))])
    for filters in (12, 16, 24, 32):
        model.add(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=momentum))
        model.add(layers.Activation("relu"))
        if filters < 32:
            model.add(layers.MaxPooling2D())
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(4, activation="softmax"))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=9, batch_size=125, callbacks=callbacks, verbose=0)
    return model
