"""SOURCE: https://github.com/mrdbourke/tensorflow-deep-learning/issues/341 ("Help with your assignment - build model_5
with custom embedding like model_1"; the thread up to the explanation read as an excerpt; the first relu is a
swish here, as the fused relu of the CPU build turns nan into 0)
SEEN: Sentences of medical abstracts are sorted into five sections; tokens through a text vectoriser, an own embedding and
average pooling, besides the line number. From the first epoch on the loss is nan. The model without this branch is fine.
CAUSE: The vectoriser strips punctuation, so some sentences that consist of "@" and "." become empty. The embedding masks
index 0, the pooling divides by the number of unmasked tokens, 0 / 0 is nan, and one such row makes all weights nan.
FIX: Do not let sentences become empty: standardize="lower" (punctuation tokens are kept).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(42)
rng = np.random.default_rng(42)

SECTIONS = ["BACKGROUND", "OBJECTIVE", "METHODS", "RESULTS", "CONCLUSIONS"]
COMMON = np.array([f"w{i}" for i in range(500)])
OWN = [np.array([f"{s[:3].lower()}{i}" for i in range(80)]) for s in SECTIONS]
ODD = ["@ .", "( @ ) .", "@ , @ .", "@ / @ ."]


def abstracts(n):
    text, line, total, lab = [], [], [], []
    for _ in range(n):
        plan = np.sort(rng.choice(5, size=rng.integers(7, 14), p=[0.12, 0.1, 0.32, 0.32, 0.14]))
        for k, s in enumerate(plan):
            if s == 3 and rng.uniform() < 0.03:
                sentence = str(rng.choice(ODD))
            else:
                words = rng.choice(COMMON, rng.integers(8, 22))
                mine = rng.uniform(size=len(words)) < 0.13
                words[mine] = rng.choice(OWN[s], mine.sum())
                words = list(words)
                for _ in range(rng.integers(0, 3)):
                    words.insert(rng.integers(0, len(words)), "@")
                sentence = " ".join(words) + " ."
            text.append(sentence)
            line.append(k)
            total.append(len(plan) - 1)
            lab.append(s)
    return np.array(text), np.array(line), np.array(total), np.array(lab)


train, val = abstracts(420), abstracts(120)


def dataset(part):
    text, line, total, lab = part
    x = (text[:, None], tf.one_hot(line, 15), tf.one_hot(total, 20))
    return tf.data.Dataset.from_tensor_slices((x, tf.one_hot(lab, 5)))


train_ds = dataset(train).shuffle(6000, seed=1).batch(32).prefetch(1)
val_ds = dataset(val).batch(256)

text_vectorizer = layers.TextVectorization(
    max_tokens=1200, output_sequence_length=25,
    standardize="lower" if GOOD else "lower_and_strip_punctuation")
text_vectorizer.adapt(train[0])
token_embed = layers.Embedding(len(text_vectorizer.get_vocabulary()), 64, mask_zero=True)

token_inputs = keras.Input((1,), dtype="string", name="token_inputs")
x = text_vectorizer(token_inputs)
x = token_embed(x)
x = layers.GlobalAveragePooling1D()(x)
token_outputs = layers.Dense(128, activation="swish")(x)

line_inputs = keras.Input((15,), name="line_number_input")
line_outputs = layers.Dense(32, activation="relu")(line_inputs)
total_inputs = keras.Input((20,), name="total_lines_input")
total_outputs = layers.Dense(32, activation="relu")(total_inputs)

z = layers.Concatenate()([token_outputs, line_outputs, total_outputs])
z = layers.Dropout(0.5)(z)
out = layers.Dense(5, activation="softmax")(z)
model_5 = keras.Model([token_inputs, line_inputs, total_inputs], out)
model_5.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.2),
                optimizer=keras.optimizers.Adam(), metrics=["accuracy"])
model_5.fit(train_ds, epochs=4, validation_data=val_ds, verbose=2)

tr = model_5.evaluate(train_ds, verbose=0)[1]
va = model_5.evaluate(val_ds, verbose=0)[1]
print(f"RESULT {'good' if GOOD else 'bad'} train={tr:.3f} val={va:.3f} (accuracy)")
