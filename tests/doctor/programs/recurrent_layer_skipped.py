"""The GRU is called, but the pooling after it takes the embedded words again, so the order of events is never seen.

Functional models whose summary lacks a layer: a wrong variable name in a copied line, frequent on Stack Overflow.
"""

import keras
from keras import layers

from doctor.toy_data.texts import logs

CAUSES = ("bypassed-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(414)
    (x, y), (xv, yv) = logs(n_train=1200, seed=14)
    events = layers.Input((12,), dtype="int32")
    embedded = layers.Embedding(20, 16)(events)
    order = layers.Bidirectional(layers.GRU(16, return_sequences=True))(embedded)
    pooled = layers.GlobalMaxPooling1D()(order if repaired else embedded)
    h = layers.Dense(24, activation="relu")(pooled)
    model = keras.Model(events, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
