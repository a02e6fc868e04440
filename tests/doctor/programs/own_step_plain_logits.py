"""An own train_step gives the outputs of a linear layer to a cross-entropy that expects probabilities.

Mismatch of last activation and loss (Humbatova et al. 2020, NeuraLint, UMLAUT); questions about from_logits.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.signals import gestures

CAUSES = ("missing-softmax",)


class Classifier(keras.Model):
    def __init__(self, from_logits):
        super().__init__()
        self.features = [
            layers.Conv1D(16, 5, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(24, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
        ]
        self.head = layers.Dense(4)
        self.cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=from_logits)
        self.loss_mean = keras.metrics.Mean(name="loss")
        self.accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")

    def call(self, x):
        for layer in self.features:
            x = layer(x)
        return self.head(x)

    @property
    def metrics(self):
        return [self.loss_mean, self.accuracy]

    def figures(self, loss, y, predicted):
        self.loss_mean.update_state(loss)
        self.accuracy.update_state(y, predicted)
        return {m.name: m.result() for m in self.metrics}

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.cross_entropy(y, predicted)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self.figures(loss, y, predicted)

    def test_step(self, batch):
        x, y = batch
        predicted = self(x, training=False)
        return self.figures(self.cross_entropy(y, predicted), y, predicted)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(315)
    (x, y), (xv, yv) = gestures(seed=45)
    mean, std = x.mean((0, 1)), x.std((0, 1))
    x, xv = (x - mean) / std, (xv - mean) / std
    y, yv = keras.utils.to_categorical(y, 4), keras.utils.to_categorical(yv, 4)
    model = Classifier(from_logits=repaired)
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(x, y, validation_data=(xv, yv), epochs=6, batch_size=32, callbacks=callbacks, verbose=0)
    return model
