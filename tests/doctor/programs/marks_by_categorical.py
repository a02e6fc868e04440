"""Pictures with any of five marks: sigmoid outputs, but categorical crossentropy, which wants exactly one right answer.

"Wrong loss function" of Humbatova et al. 2020; asked again and again about multi-label classifiers.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.images import tags

CAUSES = ("wrong-loss",)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size, shuffle):
        super().__init__()
        self.x, self.y, self.size, self.shuffle = x, y, size, shuffle
        self.random = np.random.default_rng(5)
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, i):
        rows = self.order[i * self.size : (i + 1) * self.size]
        return self.x[rows].astype("float32") / 255, self.y[rows]

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.x)) if self.shuffle else np.arange(len(self.x))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(405)
    (x, y), (xv, yv) = tags(n_train=1200, seed=5)
    model = keras.Sequential(
        [
            layers.Input((20, 20, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(48, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(48, activation="relu"),
            layers.Dense(5, activation="sigmoid"),
        ]
    )
    loss = "binary_crossentropy" if repaired else "categorical_crossentropy"
    model.compile(keras.optimizers.Adam(4e-3), loss, metrics=["binary_accuracy"])
    val = Batches(xv, yv, 100, shuffle=False)
    model.fit(Batches(x, y, 30, shuffle=True), validation_data=val, epochs=7, callbacks=callbacks, verbose=0)
    return model
