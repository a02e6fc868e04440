"""The four views of each part are folded into the batch and unfolded as (4, batch) instead of (batch, 4).

The mean then runs over views of different parts. A wrong reshape as in Humbatova et al. 2020 and multi-view code.
"""

import keras
from keras import layers, ops

from doctor.toy_data.images import views

CAUSES = ("mixed-examples",)


class MultiView(keras.Model):
    def __init__(self, repaired):
        super().__init__()
        self.repaired = repaired
        self.encoder = keras.Sequential(
            [
                layers.Conv2D(8, 3, activation="relu"),
                layers.Conv2D(24, 3, activation="relu"),
                layers.GlobalMaxPooling2D(),
            ]
        )
        self.hidden = layers.Dense(32, activation="relu")
        self.out = layers.Dense(3, activation="softmax")

    def call(self, views):
        h = self.encoder(ops.reshape(views, (-1, 12, 12, 1)))
        if self.repaired:
            h = ops.mean(ops.reshape(h, (-1, 4, 24)), axis=1)
        else:
            h = ops.mean(ops.reshape(h, (4, -1, 24)), axis=0)
        return self.out(self.hidden(h))


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(415)
    (x, y), (xv, yv) = views(seed=15)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    model = MultiView(repaired)
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=30, callbacks=callbacks, verbose=0)
    return model
