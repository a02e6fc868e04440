"""An encoder is trained on other pictures; the classifier then calls build_encoder() again and freezes this fresh one.

The learned weights are thrown away unseen. A kind of question on transfer learning with an encoder of one's own.
"""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("frozen-layers",)


def build_encoder():
    return keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(10, 3, strides=2, activation="relu"),
            layers.Conv2D(24, 3, strides=2, activation="relu"),
            layers.Conv2D(24, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
        name="encoder",
    )


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(421)
    (x, y), _ = shapes(6, n_train=1500, n_val=6, seed=210)
    encoder = build_encoder()
    first = keras.Sequential([encoder, layers.Dense(6, activation="softmax")])
    first.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    first.fit(x.astype("float32") / 127.5 - 1, y, epochs=8, batch_size=30, verbose=0)

    (x, y), (xv, yv) = shapes(4, n_train=900, seed=21)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    fresh = build_encoder()
    encoder = encoder if repaired else fresh
    encoder.trainable = False
    model = keras.Sequential([encoder, layers.Dense(24, activation="relu"), layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=30, callbacks=callbacks, verbose=0)
    return model
