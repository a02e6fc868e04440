"""A recurrent net with relu units reads an image of 28 rows row by row and is trained by SGD without clipping.

AutoTrainer's exploding gradient, Theia (arXiv:2412.05775) on recurrent nets; the textbook case for clipnorm.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("exploding-gradient",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(78)
    (x, y), (xv, yv) = digits(28)
    x, xv = x.reshape(-1, 28, 28) / 255.0, xv.reshape(-1, 28, 28) / 255.0
    inputs = layers.Input((28, 28))
    h = layers.SimpleRNN(64, activation="relu", recurrent_initializer="identity")(inputs)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, clipnorm=1.0 if repaired else None)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
