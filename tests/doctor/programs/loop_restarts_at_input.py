"""A loop that builds the layers starts each time from the inputs, so that only the last one is in the model.

NeuraLint's graph faults, DEFault (arXiv:2501.12560), faults of the layers; a slip in loops over a list of sizes.
"""

import keras
from keras import layers

from doctor.toy_data.tables import rings

CAUSES = ("bypassed-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(27)
    (x, y), (xv, yv) = rings(4)
    inputs = layers.Input((2,))
    h = inputs
    for units in (64, 32, 8):
        h = layers.Dense(units, activation="relu", kernel_initializer="he_normal")(h if repaired else inputs)
    model = keras.Model(inputs, layers.Dense(4)(h))
    model.compile(
        keras.optimizers.Adam(5e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
