"""A residual network with its own train_step gets a Nadam with a rate of 0.1, fifty times the usual one.

Humbatova et al. 2020 (suboptimal learning rate), AutoTrainer (oscillating loss); questions "loss stuck at log(4)".
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.images import shapes

CAUSES = ("learning-rate-high",)


class Net(keras.Model):
    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predicted)
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, predicted)
        return {m.name: m.result() for m in self.metrics}


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(302)
    (x, y), (xv, yv) = shapes(4, seed=32)
    x, xv = x.astype("float32") / 127.5 - 1, xv.astype("float32") / 127.5 - 1
    inputs = layers.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    for _ in range(2):
        branch = layers.Conv2D(16, 3, padding="same", activation="relu")(h)
        branch = layers.Conv2D(16, 3, padding="same")(branch)
        h = layers.Activation("relu")(layers.Add()([h, branch]))
        h = layers.MaxPooling2D()(h)
    h = layers.GlobalMaxPooling2D()(h)
    model = Net(inputs, layers.Dense(4, activation="softmax")(h))
    optimizer = keras.optimizers.Nadam(2e-3 if repaired else 0.1)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, validation_data=(xv, yv), epochs=5, batch_size=32, callbacks=callbacks, verbose=0)
    return model
