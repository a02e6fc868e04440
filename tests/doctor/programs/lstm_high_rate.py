"""LSTM over word numbers with RMSprop at 1.0, SGD's rate in the tutorial: the embedding is thrown about and
training hops around chance. Stack Overflow: "LSTM accuracy stuck at 50 %".
"""

import keras
from keras import layers

from doctor.toy_data.texts import reviews

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = reviews(n_train=1200)
    model = keras.Sequential(
        [
            keras.Input((16,), dtype="int32"),
            layers.Embedding(120, 12),
            layers.LSTM(16),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.RMSprop(0.005 if repaired else 1.0),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=5, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
