"""Batch normalisation has momentum 0.9999, so its moving averages are still near their start when validated.

A frequent question ("training accuracy 99 %, validation at chance with BatchNorm"); PyTorch's momentum means the
opposite share, which leads to such values.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("lagging-batch-norm",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(56)
    (x, y), (xv, yv) = digits(16)
    x, xv = x / 255.0, xv / 255.0
    momentum = 0.9 if repaired else 0.9999
    inputs = layers.Input((16, 16, 1))
    h = inputs
    for filters in (12, 24):
        h = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(h)
        h = layers.BatchNormalization(momentum=momentum)(h)
        h = layers.MaxPooling2D()(layers.Activation("relu")(h))
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
