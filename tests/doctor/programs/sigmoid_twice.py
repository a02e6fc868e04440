"""A sigmoid output, reshaped afterwards, meets BinaryCrossentropy(from_logits=True): no probability falls below 0.5.

A frequent question on from_logits with one output unit; NeuraLint's last-layer rules.
"""

import keras
import tensorflow as tf
from keras import layers

from doctor.toy_data.tables import cells

CAUSES = ("softmax-twice",)


def run(callbacks, repaired=False):
    keras.utils.set_random_seed(35)
    (x, y), (xv, yv) = cells()
    mean, std = x.mean(axis=0), x.std(axis=0)
    inputs = layers.Input((30,))
    h = layers.Dense(32, activation="relu", kernel_initializer="he_normal")(
        layers.Normalization(mean=mean, variance=std**2)(inputs)
    )
    h = layers.Dense(16, activation="relu", kernel_initializer="he_normal")(h)
    h = layers.Dense(1, activation="sigmoid")(h)
    model = keras.Model(inputs, layers.Reshape(())(h))
    train = tf.data.Dataset.from_tensor_slices((x, y.astype("float32"))).shuffle(len(x), seed=35).batch(16)
    val = tf.data.Dataset.from_tensor_slices((xv, yv.astype("float32"))).batch(139)
    loss = keras.losses.BinaryCrossentropy(from_logits=not repaired)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=[keras.metrics.BinaryAccuracy()])
    model.fit(train, validation_data=val, epochs=8, callbacks=callbacks, verbose=0)
    return model
