"""A hand-written loader makes an empty batch and never puts the images into it, so the network sees zeros.

Theia (arXiv:2412.05775) and DEFault (arXiv:2501.12560) count faults of the input pipeline among the root causes; the
kind of question about custom generators that "do not learn".
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("constant-input",)


class Loader(keras.utils.PyDataset):
    def __init__(self, images, labels, fill, batch_size=32):
        super().__init__()
        self.images, self.labels, self.fill, self.batch_size = images, labels, fill, batch_size

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index):
        chosen = slice(index * self.batch_size, (index + 1) * self.batch_size)
        batch = np.zeros((len(self.labels[chosen]), 16, 16, 1), "float32")
        for i, image in enumerate(self.images[chosen]):
            scaled = image / 255
            if self.fill:
                batch[i] = scaled
        return batch, self.labels[chosen]


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(4)
    train, val = digits(16)
    inputs = layers.Input((16, 16, 1))
    h = layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal")(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        Loader(*train, fill=repaired),
        validation_data=Loader(*val, fill=repaired),
        epochs=5,
        callbacks=callbacks,
        verbose=0,
    )
    return model
