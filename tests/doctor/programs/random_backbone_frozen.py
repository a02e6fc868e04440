"""Transfer learning script: the backbone is built without weights (weights=None) and frozen as usual, so the head sits
on random features. Stack Overflow: "transfer learning not working, base_model.trainable = False"."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("frozen-layers",)


def backbone():
    return keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.SeparableConv2D(24, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(32, 3, padding="same", activation="relu"),
        ],
        name="backbone",
    )


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    base = backbone()
    base.trainable = repaired
    inputs = keras.Input((24, 24, 3))
    h = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    h = base(h)
    h = layers.GlobalAveragePooling2D()(h)
    h = layers.Dense(32, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x.astype("float32"),
        y,
        batch_size=32,
        epochs=10,
        validation_data=(xv.astype("float32"), yv),
        callbacks=callbacks,
        verbose=0,
    )
    return model
