"""A residual network was trained with SGD at 0.1; the author swaps in Adam and keeps the rate, a hundred times its
default. Wrong learning rate: first place in nearly every list of training faults."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("learning-rate-high",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for _ in range(2):
        r = layers.Conv2D(16, 3, padding="same", activation="relu")(h)
        r = layers.Conv2D(16, 3, padding="same")(r)
        h = layers.ReLU()(layers.Add()([h, r]))
        h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(
        optimizer=keras.optimizers.Adam(0.002 if repaired else 0.1),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=6, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
