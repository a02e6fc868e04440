"""
SOURCE: keras-team/keras#20898, "LSTM layer doesn't learn with TextVectorization output (padding ?)", and
keras-team/keras-io#2044
SAW: text classification with TextVectorization, Embedding and LSTM: accuracy stays at 0.5 (a convolution in
place of the LSTM learns).
CAUSE: TextVectorization pads at the end and the padding is not masked, so the LSTM reads a long run of
zeros after the text and has forgotten it at the end.
FIX: mask_zero=True in the Embedding layer.
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(20)
rng = np.random.default_rng(20)

good_words = "great lovely superb moving funny brilliant charming clever warm perfect".split()
bad_words = "awful boring dull weak silly terrible messy slow cold pointless".split()
other = ["w%d" % i for i in range(300)]


def review(label):
    words = list(rng.choice(other, rng.integers(6, 25)))
    own, wrong = (good_words, bad_words) if label else (bad_words, good_words)
    words += list(rng.choice(own, rng.integers(2, 5)))
    if rng.random() < 0.2:
        words += [rng.choice(wrong)]
    rng.shuffle(words)
    return " ".join(words)


labels = rng.integers(0, 2, 2400)
texts = np.array([review(k) for k in labels])
raw_train = tf.data.Dataset.from_tensor_slices((texts[:2000], labels[:2000])).shuffle(2000, seed=1).batch(32)
raw_val = tf.data.Dataset.from_tensor_slices((texts[2000:], labels[2000:])).batch(32)

max_features, embedding_dim, sequence_length = 2000, 32, 150
vectorize_layer = layers.TextVectorization(max_tokens=max_features, output_mode="int",
                                           output_sequence_length=sequence_length)
vectorize_layer.adapt(raw_train.map(lambda t, k: t))
train_ds = raw_train.map(lambda t, k: (vectorize_layer(t), k)).cache().prefetch(2)
val_ds = raw_val.map(lambda t, k: (vectorize_layer(t), k)).cache().prefetch(2)

inputs = keras.Input(shape=(None,), dtype="int64")
x = layers.Embedding(max_features, embedding_dim, mask_zero=GOOD)(inputs)
x = layers.LSTM(32)(x)
x = layers.Dense(32, activation="relu")(x)
predictions = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, predictions)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
h = model.fit(train_ds, validation_data=val_ds, epochs=5, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
