"""A network trained on other digits is fine-tuned with a rate of 0.1, which throws away what it had learned.

The Keras guide on transfer learning warns of it; a frequent question ("accuracy drops after unfreezing"); UMLAUT and
DeepFD list a too high learning rate.
"""

import keras
from keras import layers

from doctor.toy_data.images import digits

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(301)
    (x, y), (xv, yv) = digits(16, seed=31)
    x, xv = x / 255.0, xv / 255.0
    base = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
        ]
    )
    first = keras.Sequential([base, layers.Dense(5, activation="softmax")])
    first.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    first.fit(x[y < 5], y[y < 5], epochs=4, batch_size=32, verbose=0)

    inputs = layers.Input((16, 16, 1))
    h = layers.Dense(32, activation="relu")(base(inputs))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(h))
    optimizer = keras.optimizers.Adam(5e-4 if repaired else 0.1)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x[y >= 5],
        y[y >= 5] - 5,
        validation_data=(xv[yv >= 5], yv[yv >= 5] - 5),
        epochs=5,
        batch_size=16,
        callbacks=callbacks,
        verbose=0,
    )
    return model
