"""A hand-written recurrent network over the rows of digits wants time first and uses reshape where it needs transpose,
so each sequence is glued from rows of several images. Karpathy's recipe warns of just this (view vs permute)."""

import keras
from keras import layers, ops

from doctor.toy_data.images import digits

CAUSES = ("mixed-examples",)


class RowNet(keras.Model):
    def __init__(self, repaired):
        super().__init__()
        self.repaired = repaired
        self.step = layers.Dense(64, activation="tanh")
        self.head = layers.Dense(10)

    def call(self, x):
        x = ops.transpose(x, (1, 0, 2)) if self.repaired else ops.reshape(x, (8, -1, 8))
        state = ops.zeros((ops.shape(x)[1], 64))
        for t in range(8):
            state = self.step(ops.concatenate([x[t], state], axis=-1))
        return self.head(state)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = digits()
    x, xv = x[..., 0] / 255.0, xv[..., 0] / 255.0
    model = RowNet(repaired)
    model.compile(
        optimizer=keras.optimizers.Adam(0.002),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
