"""A PyDataset picks images by a shuffled index and labels by the plain one.

The kind of question about custom Sequence classes; Humbatova et al. 2020, Training / Training data quality.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("shuffled-labels",)


class Pairs(keras.utils.PyDataset):
    def __init__(self, images, labels, right, batch_size=25):
        super().__init__()
        self.images, self.labels, self.right, self.batch_size = images, labels, right, batch_size
        self.rng = np.random.default_rng(15)
        self.on_epoch_end()

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.images))

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        chosen = self.order[rows]
        return self.images[chosen], self.labels[chosen] if self.right else self.labels[rows]


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(15)
    (x, y), (xv, yv) = rings(3)
    inputs = layers.Input((2,))
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(h)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(Pairs(x, y, repaired), validation_data=(xv, yv), epochs=8, callbacks=callbacks, verbose=0)
    return model
