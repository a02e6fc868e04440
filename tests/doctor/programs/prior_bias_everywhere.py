"""The bias prior -4.6 of focal-loss detectors (RetinaNet, for the output only) is given to all convolutions of a small
detector: behind it nearly no relu ever fires. Dying relu as in AutoTrainer and many GitHub issues."""

import keras
from keras import layers

from doctor.toy_data.images import surfaces

CAUSES = ("dead-relu",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    prior = "zeros" if repaired else keras.initializers.Constant(-4.6)
    (x, y), (xv, yv) = surfaces()
    x, xv = x.astype("float32") / 255, xv.astype("float32") / 255
    inputs = keras.Input((20, 20, 1))
    h = layers.Conv2D(16, 5, padding="same", activation="relu", bias_initializer=prior)(inputs)
    h = layers.MaxPooling2D()(h)
    h = layers.Conv2D(24, 3, padding="same", activation="relu", bias_initializer=prior)(h)
    h = layers.GlobalMaxPooling2D()(h)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=8, validation_data=(xv, yv), callbacks=callbacks, verbose=0)
    return model
