"""
SOURCE: https://github.com/tensorflow/docs/pull/2102 (exercise of the text classification tutorial, four question tags)

SEEN: the tutorial model (Embedding, pooling, Dense) changed to Dense(4) and SparseCategoricalCrossentropy for four
tags; the accuracy is around 0.3, not far from guessing (0.25).

CAUSE: the last layer has no softmax and the loss expects probabilities (from_logits is False), so that raw scores are
clipped as if they were probabilities.
FIX: losses.SparseCategoricalCrossentropy(from_logits=True).
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
tf.keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)

tags = ["csharp", "java", "javascript", "python"]
special = {0: "linq delegate struct namespace unity nullable".split(),
           1: "jvm arraylist interface swing hibernate maven".split(),
           2: "callback promise jquery dom closure undefined".split(),
           3: "list tuple dict pandas lambda indentation".split()}
common = ["how", "why", "error", "value", "string", "class", "loop", "file"] + ["w%d" % i for i in range(200)]


def question(tag):
    words = list(rng.choice(common, rng.integers(15, 40)))
    for _ in range(rng.integers(2, 6)):
        words.insert(rng.integers(0, len(words)), rng.choice(special[tag]))
    return " ".join(words)


y = rng.integers(0, 4, 2000)
text = np.array([question(k) for k in y])
raw_train_ds = tf.data.Dataset.from_tensor_slices((text[:1600], y[:1600])).batch(32)
raw_val_ds = tf.data.Dataset.from_tensor_slices((text[1600:], y[1600:])).batch(32)

max_features, sequence_length = 1000, 60
vectorize_layer = layers.TextVectorization(max_tokens=max_features, output_mode="int",
                                           output_sequence_length=sequence_length)
vectorize_layer.adapt(raw_train_ds.map(lambda t, l: t))


def vectorize_text(t, label):
    return vectorize_layer(tf.expand_dims(t, -1)), label


train_ds = raw_train_ds.map(vectorize_text).cache().prefetch(tf.data.AUTOTUNE)
val_ds = raw_val_ds.map(vectorize_text).cache().prefetch(tf.data.AUTOTUNE)

model = tf.keras.Sequential([
    layers.Embedding(max_features + 1, 16),
    layers.Dropout(0.2),
    layers.GlobalAveragePooling1D(),
    layers.Dropout(0.2),
    layers.Dense(4)])
if GOOD:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
else:
    loss = losses.SparseCategoricalCrossentropy()
model.compile(loss=loss, optimizer=tf.keras.optimizers.Adam(5e-3), metrics=["accuracy"])
h = model.fit(train_ds, validation_data=val_ds, epochs=15, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
