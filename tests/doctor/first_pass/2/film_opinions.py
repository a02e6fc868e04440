"""
Source: keras-team/keras-io#2044 (and keras-team/keras#20898), "Can't reproduce 'Text classification from scratch' example with LSTM"

Seen: in the text example (TextVectorization, Embedding) the Conv1D part was replaced by an LSTM;
the accuracy stays around 0.50 for two classes.

CAUSE: TextVectorization pads at the end, so the LSTM's last state is reached after a long run of padding tokens and has forgotten the words.
FIX: let the LSTM read the sequence backwards (go_backwards=True), so that the padding comes first.
"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(13)

rng = np.random.default_rng(13)
filler = [f"word{i}" for i in range(400)]
plus = ["great", "moving", "brilliant", "funny", "loved", "superb", "charming", "clever"]
minus = ["awful", "boring", "dull", "hated", "waste", "clumsy", "bland", "annoying"]


def review(label):
    n = rng.integers(20, 70)
    words = list(rng.choice(filler, n))
    own, other = (plus, minus) if label else (minus, plus)
    for _ in range(rng.integers(3, 7)):
        words.insert(rng.integers(0, len(words)), str(rng.choice(own)))
    if rng.random() < 0.4:
        words.insert(rng.integers(0, len(words)), str(rng.choice(other)))
    return " ".join(words)


labels = rng.integers(0, 2, 2000)
texts = np.array([review(l) for l in labels])
raw_train = tf.data.Dataset.from_tensor_slices((texts[:1600], labels[:1600])).batch(32)
raw_val = tf.data.Dataset.from_tensor_slices((texts[1600:], labels[1600:])).batch(32)

max_features = 1000
sequence_length = 200
vectorize_layer = layers.TextVectorization(max_tokens=max_features, output_mode="int",
                                           output_sequence_length=sequence_length)
vectorize_layer.adapt(raw_train.map(lambda x, y: x))


def vectorize_text(text, label):
    return vectorize_layer(text), label


train_ds = raw_train.map(vectorize_text).cache().shuffle(50).prefetch(2)
val_ds = raw_val.map(vectorize_text).cache().prefetch(2)

inputs = keras.Input(shape=(None,), dtype="int64")
x = layers.Embedding(max_features, 32)(inputs)
x = layers.Dropout(0.3)(x)
x = layers.LSTM(32, go_backwards=GOOD)(x)
x = layers.Dense(32, activation="relu")(x)
x = layers.Dropout(0.3)(x)
predictions = layers.Dense(1, activation="sigmoid", name="predictions")(x)

model = keras.Model(inputs, predictions)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(train_ds, validation_data=val_ds, epochs=8, verbose=2)

train = model.evaluate(train_ds, verbose=0)[1]
val = model.evaluate(val_ds, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
