"""preprocess_input writes into the slice that it is given, so that each epoch scales the same pixels again.

keras-team/keras#11591; NumPy documentation, Copies and views.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("changing-input",)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, copy):
        super().__init__()
        self.x, self.y, self.copy = x, y, copy

    def __len__(self):
        return len(self.x) // 32

    def __getitem__(self, number):
        part = slice(32 * number, 32 * (number + 1))
        x = self.x[part].copy() if self.copy else self.x[part]
        x /= 255
        return x, self.y[part]


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(57)
    (x, y), (xv, yv) = digits(8)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = Batches(x.astype("float32").copy(), y, repaired)
    model.fit(batches, validation_data=(xv / 255, yv), epochs=5, callbacks=callbacks, verbose=0)
    return model
