"""
SOURCE: GitHub tensorflow/tensorflow#36626 ("Dataset.shuffle leads to worse training performance due to chunked processing")
SAW: MNIST read with tf.data class by class (first all zeros, then all ones ...), .shuffle() is in the pipeline, but the
     accuracy stays far below what it should be; the net mostly answers the last classes.
CAUSE: the shuffle buffer is much smaller than the data, so the sorted samples are mixed only locally and a batch holds
       only one or two classes.
FIX: a complete shuffle: buffer as large as the dataset.
"""
import sys
import numpy as np
import tensorflow as tf
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(11)

d = load_digits()
perm = np.random.RandomState(0).permutation(len(d.target))
images, target = d.images[perm].astype("float32") / 16.0, d.target[perm].astype("int64")
x_test, y_test = images[1400:], target[1400:]
x_train, y_train = images[:1400], target[:1400]

# the files lie in one folder per digit
order = np.argsort(y_train, kind="stable")
x_train, y_train = x_train[order], y_train[order]

BUFFER = len(x_train) if GOOD else 32
train = (tf.data.Dataset.from_tensor_slices((x_train[..., None], y_train))
         .shuffle(BUFFER)
         .batch(32)
         .prefetch(2))
test = tf.data.Dataset.from_tensor_slices((x_test[..., None], y_test)).batch(64)

model = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(10),
])
model.compile(optimizer=keras.optimizers.SGD(0.1),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])
h = model.fit(train, epochs=10, validation_data=test, verbose=2)
print("answers:", np.bincount(model.predict(test, verbose=0).argmax(1), minlength=10))
tr = model.evaluate(x_train[..., None], y_train, verbose=0)[1]
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], tr, h.history["val_accuracy"][-1]))
