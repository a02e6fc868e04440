"""The embedding keeps trainable=False from the example with GloVe vectors, but no vectors are loaded: it stays random.

Questions about the Keras example with pretrained word embeddings; frozen layers in Humbatova et al. 2020 and DeepFD.
"""

import keras
from keras import layers

from doctor.toy_data.texts import topics

CAUSES = ("frozen-layers",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(332)
    (x, y), (xv, yv) = topics(seed=62)
    model = keras.Sequential(
        [
            layers.Input((20,), dtype="int32"),
            layers.Embedding(201, 16, mask_zero=True, trainable=repaired),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=7, batch_size=32, callbacks=callbacks, verbose=0)
    return model
