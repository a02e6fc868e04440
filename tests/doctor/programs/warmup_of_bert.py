"""The rate warms up over 10,000 steps, as in the paper on BERT, but the whole run has 300: it never gets going.

Questions about the warm-up schedule of the Transformer tutorial on small data; DeepFD's and UMLAUT's too low rate.
"""

import keras
from keras import layers, ops

from doctor.toy_data.texts import topics

CAUSES = ("learning-rate-low",)


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak, steps):
        self.peak = peak
        self.steps = steps

    def __call__(self, step):
        return self.peak * ops.minimum(1.0, (ops.cast(step, "float32") + 1.0) / self.steps)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(303)
    (x, y), (xv, yv) = topics(seed=33)
    inputs = layers.Input((20,), dtype="int32")
    h = layers.Embedding(201, 16)(inputs)
    attended = layers.MultiHeadAttention(2, 8)(h, h)
    h = layers.LayerNormalization()(layers.Add()([h, attended]))
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(h))
    optimizer = keras.optimizers.Adam(WarmUp(2e-3, 60 if repaired else 10_000))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=16, callbacks=callbacks, verbose=0)
    return model
