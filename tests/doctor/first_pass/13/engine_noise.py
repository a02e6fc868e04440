"""
SOURCE: https://github.com/keras-team/keras-io/issues/1813 ("model not converging the sparse categorical accuracy stays
    same for the whole epochs", timeseries classification with a Transformer), whole thread seen.
SEEN: The model of the Keras example (engine noise, FordA) does not converge; the accuracy stays the same over all epochs
    (even 150 of them without early stopping). The Dense layer after the pooling has 256 weights instead of many.
CAUSE: GlobalAveragePooling1D (channels_last) averages over the time axis of a (500, 1) series and hands on one single
    number per sample (the mean of a z-normalised series, about 0). The example was meant to average over the one
    channel and keep the 500 steps.
FIX: GlobalAveragePooling1D(data_format="channels_first").
"""
import sys

import numpy as np
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

steps = 80


def motor(n):
    y = rng.integers(0, 2, n)
    t = np.arange(steps)
    x = np.zeros((n, steps))
    for i in range(n):
        e = rng.normal(size=steps + 50)
        s = np.zeros(steps + 50)
        for k in range(2, steps + 50):
            s[k] = 1.3 * s[k - 1] - 0.7 * s[k - 2] + e[k]
        s = s[50:] / s[50:].std()
        jit = rng.normal(0, 0.25)
        s += 0.8 * np.sin(2 * np.pi * t / 24 + jit)
        if y[i]:
            c = 30 + rng.normal(0, 1.5)
            s += rng.uniform(0.7, 1.6) * np.exp(-((t - c) / 12.0) ** 2) * np.cos(2 * np.pi * (t - c) / 15)
            s -= 0.6 * np.exp(-((t - 64) / 8.0) ** 2)
        x[i] = (s - s.mean()) / s.std()
    return x, y


x_train, y_train = motor(1500)
x_test, y_test = motor(500)
x_train = x_train.reshape((x_train.shape[0], x_train.shape[1], 1))
x_test = x_test.reshape((x_test.shape[0], x_test.shape[1], 1))
n_classes = len(np.unique(y_train))


def transformer_encoder(inputs, head_size, num_heads, ff_dim, dropout=0):
    x = layers.MultiHeadAttention(key_dim=head_size, num_heads=num_heads, dropout=dropout)(inputs, inputs)
    x = layers.Dropout(dropout)(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    res = x + inputs
    x = layers.Conv1D(filters=ff_dim, kernel_size=1, activation="relu")(res)
    x = layers.Dropout(dropout)(x)
    x = layers.Conv1D(filters=inputs.shape[-1], kernel_size=1)(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return x + res


def build_model(input_shape, head_size, num_heads, ff_dim, num_transformer_blocks, mlp_units, dropout=0,
                mlp_dropout=0):
    inputs = keras.Input(shape=input_shape)
    x = inputs
    for _ in range(num_transformer_blocks):
        x = transformer_encoder(x, head_size, num_heads, ff_dim, dropout)
    x = layers.GlobalAveragePooling1D(data_format="channels_first" if GOOD else "channels_last")(x)
    for dim in mlp_units:
        x = layers.Dense(dim, activation="relu")(x)
        x = layers.Dropout(mlp_dropout)(x)
    outputs = layers.Dense(n_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


model = build_model(x_train.shape[1:], head_size=16, num_heads=2, ff_dim=4, num_transformer_blocks=1,
                    mlp_units=[128], mlp_dropout=0.4, dropout=0.25)
model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(learning_rate=2e-3),
              metrics=["sparse_categorical_accuracy"])
model.summary()

model.fit(x_train, y_train, validation_split=0.2, epochs=9, batch_size=64, verbose=2,
          callbacks=[keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)])

tr = model.evaluate(x_train, y_train, verbose=0)[1]
te = model.evaluate(x_test, y_test, verbose=0)[1]
name = "good" if GOOD else "bad"
print(f"RESULT {name} train={tr:.3f} val={te:.3f} (accuracy)")
