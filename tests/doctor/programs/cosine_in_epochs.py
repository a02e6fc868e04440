"""CosineDecay gets the number of epochs as decay_steps, but counts steps: after eight batches the rate is zero. A
frequent misreading of Keras' schedules (Stack Overflow, GitHub)."""

import keras
from keras import layers

from doctor.toy_data.images import textures

CAUSES = ("learning-rate-decay",)

EPOCHS = 8
BATCH = 32


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = textures(classes=4)
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    steps = EPOCHS * (len(x) // BATCH) if repaired else EPOCHS
    schedule = keras.optimizers.schedules.CosineDecay(0.005, decay_steps=steps)
    inputs = keras.Input((16, 16, 3))
    h = layers.Conv2D(16, 5, padding="same", activation="relu")(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
    h = layers.MaxPooling2D()(h)
    h = layers.Flatten()(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
