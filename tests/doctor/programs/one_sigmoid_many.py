"""A cats-and-dogs script reused for four kinds of shapes: still one sigmoid unit and binary cross-entropy on class
numbers 0..3. Among the most frequent Keras questions on Stack Overflow."""

import keras
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("output-units", "wrong-loss", "label-out-of-range")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = shapes(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    model = keras.Sequential([keras.Input((24, 24, 3))])
    for filters in (12, 24, 32):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(32, activation="relu"))
    if repaired:
        model.add(layers.Dense(4, activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    else:
        model.add(layers.Dense(1, activation="sigmoid"))
        loss = "binary_crossentropy"
    model.compile(optimizer=keras.optimizers.Adam(0.002), loss=loss, metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
