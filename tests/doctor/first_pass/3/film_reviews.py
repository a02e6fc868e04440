"""
SOURCE: https://github.com/keras-team/keras-io/issues/2044 ("Can't reproduce 'Text classification from scratch' example
with LSTM")

SEEN: the text classification example with its convolution replaced by an LSTM: the accuracy stays around 0.50 in
training and validation. The same code with the convolution learns.

CAUSE: TextVectorization pads the short texts with zeros at the end, so that the LSTM runs over hundreds of
padding steps after the last word and has forgotten the text (there is no mask).
FIX: go_backwards=True in the LSTM layer, so that the padding comes first.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(33)
rng = np.random.default_rng(33)

pos = ["superb", "moving", "brilliant", "funny", "charming", "gripping", "wonderful", "clever"]
neg = ["dull", "awful", "boring", "clumsy", "weak", "tedious", "horrible", "silly"]
neutral = ["word%d" % i for i in range(120)]


def review(label):
    n = rng.integers(8, 25)
    words = list(rng.choice(neutral, n))
    for _ in range(rng.integers(2, 5)):
        words[rng.integers(0, n)] = rng.choice(pos if label else neg)
    return " ".join(words)


labels = rng.integers(0, 2, 1300)
texts = np.array([review(l) for l in labels])
raw_train = tf.data.Dataset.from_tensor_slices((texts[:1000], labels[:1000])).batch(32)
raw_val = tf.data.Dataset.from_tensor_slices((texts[1000:], labels[1000:])).batch(100)

max_features, embedding_dim, sequence_length = 500, 16, 150
vectorize = layers.TextVectorization(max_tokens=max_features, output_mode="int", output_sequence_length=sequence_length)
vectorize.adapt(raw_train.map(lambda x, y: x))
train_ds = raw_train.map(lambda x, y: (vectorize(x), y)).cache().shuffle(40)
val_ds = raw_val.map(lambda x, y: (vectorize(x), y)).cache()

inputs = keras.Input(shape=(None,), dtype="int64")
x = layers.Embedding(max_features, embedding_dim)(inputs)
x = layers.Dropout(0.2)(x)
x = layers.LSTM(16, go_backwards=GOOD)(x)
x = layers.Dense(16, activation="relu")(x)
predictions = layers.Dense(1, activation="sigmoid", name="predictions")(x)
model = keras.Model(inputs, predictions)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(3e-3), metrics=["accuracy"])
h = model.fit(train_ds, validation_data=val_ds, epochs=6, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
