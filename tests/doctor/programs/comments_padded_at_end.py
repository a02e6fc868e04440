"""Short comments in rows of 120 steps: the padding at their end is not masked, and the LSTM forgets the words in it.

Questions about an LSTM on texts that stays at 50 %; Keras guides, Understanding masking & padding.
"""

import keras
import numpy as np
from keras import layers

from doctor.toy_data.texts import comments

CAUSES = ("unmasked-padding",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(511)
    (x, y), (xv, yv) = comments(seed=111)
    vocabulary = sorted({word for text in x for word in text})
    numbers = {word: number for number, word in enumerate(vocabulary, 2)}  # 0: padding, 1: unknown

    def encoded(texts):
        rows = np.zeros((len(texts), 120), "int32")
        for row, text in zip(rows, texts, strict=True):
            row[: len(text)] = [numbers.get(word, 1) for word in text]
        return rows

    model = keras.Sequential(
        [
            layers.Input((120,), dtype="int32"),
            layers.Embedding(len(vocabulary) + 2, 8, mask_zero=repaired),
            layers.LSTM(16),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    validation = (encoded(xv), yv)
    model.fit(encoded(x), y, validation_data=validation, epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
