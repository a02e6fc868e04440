"""An own train_step takes the gradients of the head's weights only; the convolutions before it never change.

Left over from a first, "warm-up" phase of transfer learning; Humbatova et al. 2020: missing or wrong update of weights.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import arrows

CAUSES = ("untrained-variables",)


class Classifier(keras.Model):
    def __init__(self, repaired):
        super().__init__()
        self.repaired = repaired
        self.body = keras.Sequential(
            [
                layers.Conv2D(12, 3, strides=2, activation="relu"),
                layers.Conv2D(16, 3, strides=2, activation="relu"),
                layers.Conv2D(24, 3, activation="relu"),
                layers.GlobalAveragePooling2D(),
            ]
        )
        self.head = keras.Sequential([layers.Dense(24, activation="relu"), layers.Dense(4, activation="softmax")])

    def call(self, x):
        return self.head(self.body(x))

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=predicted)
        weights = self.trainable_variables if self.repaired else self.head.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, predicted)
        return {m.name: m.result() for m in self.metrics}


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(422)
    (x, y), (xv, yv) = arrows(n_train=1200, seed=22)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    model = Classifier(repaired)
    model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=8, batch_size=32, callbacks=callbacks, verbose=0)
    return model
