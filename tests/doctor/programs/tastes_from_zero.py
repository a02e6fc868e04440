"""A recommender multiplies the embeddings of user and film, and both start at zero, so neither gets a gradient.

Zero initialisation as in Humbatova et al. 2020 and NeuraLint, reached by the option of a matrix factorisation.
"""

import keras
from keras import layers

from doctor.toy_data.tables import ratings

CAUSES = ("symmetric-init",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(425)
    (pairs, stars), (pairs_v, stars_v) = ratings(seed=25)
    mean, std = stars.mean(), stars.std()
    stars, stars_v = (stars - mean) / std, (stars_v - mean) / std
    start = keras.initializers.RandomNormal(stddev=0.3, seed=25) if repaired else "zeros"
    user, film = layers.Input((1,), dtype="int32", name="user"), layers.Input((1,), dtype="int32", name="film")
    a = layers.Flatten()(layers.Embedding(60, 4, embeddings_initializer=start, name="user_taste")(user))
    if repaired:
        start = keras.initializers.RandomNormal(stddev=0.3, seed=26)
    b = layers.Flatten()(layers.Embedding(40, 4, embeddings_initializer=start, name="film_taste")(film))
    model = keras.Model([user, film], layers.Dot(axes=1)([a, b]))
    model.compile(keras.optimizers.Adam(1e-2), "mse", metrics=["mae"])
    model.fit(
        [pairs[:, :1], pairs[:, 1:]],
        stars,
        validation_data=([pairs_v[:, :1], pairs_v[:, 1:]], stars_v),
        epochs=10,
        batch_size=32,
        callbacks=callbacks,
        verbose=0,
    )
    return model
