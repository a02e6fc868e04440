"""Source: ck37/coral-ordinal#6 ("bug in Colab notebook's MNIST example"), answer seen.

What the person saw: the MNIST example trains well, evaluate() agrees, but the accuracy computed from the predictions
on the test set is only 10 %, as if random.

CAUSE: shuffle() is called on test_dataset, and the predictions are compared with the labels in their order before the shuffle.
FIX: no shuffle() on test_dataset.
(8x8 digits and a plain softmax head in place of MNIST and the ordinal head.)
"""
import sys
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

GOOD = sys.argv[1] == "good"
tf.keras.utils.set_random_seed(3)

d = load_digits()
images = d.images[..., None].astype("float32") / 16
labels = d.target.astype("int32")
train_images, train_labels = images[:1400], labels[:1400]
test_images, test_labels = images[1400:], labels[1400:]

train_dataset = tf.data.Dataset.from_tensor_slices((train_images, train_labels)).shuffle(1400).batch(32)
test_dataset = tf.data.Dataset.from_tensor_slices((test_images, test_labels))
if not GOOD:
    test_dataset = test_dataset.shuffle(1000)
test_dataset = test_dataset.batch(32)

inputs = tf.keras.Input((8, 8, 1))
x = tf.keras.layers.Conv2D(16, 3, activation="relu")(inputs)
x = tf.keras.layers.MaxPooling2D()(x)
x = tf.keras.layers.Flatten()(x)
x = tf.keras.layers.Dense(64, activation="relu")(x)
x = tf.keras.layers.Dropout(0.2)(x)
outputs = tf.keras.layers.Dense(10, activation="softmax")(x)
model = tf.keras.Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train_dataset, epochs=10, verbose=2)

p = np.argmax(model.predict(test_dataset, verbose=0), axis=1)
print("RESULT %s train=%.3f val=%.3f (accuracy, val from the predictions)"
      % (sys.argv[1], h.history["accuracy"][-1], np.mean(p == test_labels)))
