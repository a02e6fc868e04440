"""The words are bytes, the vocabulary has strings: every word is looked up in vain and becomes the unknown word.

Questions about texts from tensorflow_datasets (b'...') with an own vocabulary; wrong preprocessing in the taxonomies.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.texts import comments

CAUSES = ("constant-input",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(349)
    (x, y), (xv, yv) = comments(seed=79)
    vocabulary = sorted({word.decode() for text in x for word in text})
    numbers = {word: number for number, word in enumerate(vocabulary, 2)}  # 0: padding, 1: unknown

    def encoded(texts):
        return np.array([[numbers.get(w.decode() if repaired else w, 1) for w in text] for text in texts], "int32")

    x, xv = encoded(x), encoded(xv)
    model = keras.Sequential(
        [
            layers.Input((x.shape[1],), dtype="int32"),
            layers.Embedding(len(vocabulary) + 2, 8),
            layers.LSTM(16),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
