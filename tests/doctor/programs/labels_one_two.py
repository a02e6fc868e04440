"""Two kinds of signal, coded 1 and 2 in the file as R and Matlab do, go into a sigmoid with binary cross-entropy; the
loss turns negative. Stack Overflow: "negative loss with binary_crossentropy"."""

import keras
from keras import layers

from doctor.toy_data.signals import waves

CAUSES = ("label-encoding", "label-out-of-range")


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(5)
    (x, y), (xv, yv) = waves(classes=2)
    if not repaired:
        y, yv = y + 1, yv + 1
    model = keras.Sequential(
        [
            keras.Input((48, 1)),
            layers.Conv1D(16, 5, activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1D(24, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.RMSprop(0.003), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        y.astype("float32")[:, None],
        batch_size=32,
        epochs=8,
        validation_data=(xv, yv.astype("float32")[:, None]),
        callbacks=callbacks,
        verbose=0,
    )
    return model
