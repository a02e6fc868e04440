"""
SOURCE: https://github.com/keras-team/keras/issues/5052 ("About Keras Siamese network performance") with
    https://github.com/keras-team/keras/issues/4980 ("Mnist siamese example returning wrong accuracy values"); a small
    convolutional base on the digits of scikit-learn here
SEEN: The loss of the siamese network goes down as it should, but the printed accuracy on training and test set is very
    low (far below 50 percent).
CAUSE: compute_accuracy() compares the label (1 = same digit) with "distance > 0.5", which means "different digits":
    the better the network, the lower the number. The training itself is right. (It came in with commit 7f25a77 / pull
    request 2736.)
FIX: A pair counts as "same" when its distance is below 0.5 (the commit reverted; true accuracy as in pull request 7942).
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import random

import numpy as np
import keras
from keras import layers, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"

keras.utils.set_random_seed(1337)
num_classes = 10
epochs = 14


def euclidean_distance(vects):
    x, y = vects
    sum_square = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(sum_square, keras.config.epsilon()))


def contrastive_loss(y_true, y_pred):
    margin = 1.0
    y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
    return ops.mean(y_true * ops.square(y_pred) + (1 - y_true) * ops.square(ops.maximum(margin - y_pred, 0.0)))


def create_pairs(x, digit_indices):
    pairs = []
    labels = []
    n = min([len(digit_indices[d]) for d in range(num_classes)]) - 1
    for d in range(num_classes):
        for i in range(n):
            z1, z2 = digit_indices[d][i], digit_indices[d][i + 1]
            pairs += [[x[z1], x[z2]]]
            inc = random.randrange(1, num_classes)
            dn = (d + inc) % num_classes
            z1, z2 = digit_indices[d][i], digit_indices[dn][i]
            pairs += [[x[z1], x[z2]]]
            labels += [1, 0]
    return np.array(pairs), np.array(labels)


def create_base_network(input_shape):
    inp = keras.Input(shape=input_shape)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inp)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(inp, x)


def compute_accuracy(predictions, labels):
    if GOOD:
        return np.mean(labels == (predictions.ravel() < 0.5))
    return np.mean(labels == (predictions.ravel() > 0.5))


data = load_digits()
rng = np.random.default_rng(0)
images = data.images.astype("float32") + rng.normal(0, 1.5, data.images.shape).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(images, data.target, test_size=0.3, random_state=0,
                                                    stratify=data.target)
x_train = x_train[..., None] / 16
x_test = x_test[..., None] / 16

digit_indices = [np.where(y_train == i)[0] for i in range(num_classes)]
tr_pairs, tr_y = create_pairs(x_train, digit_indices)
digit_indices = [np.where(y_test == i)[0] for i in range(num_classes)]
te_pairs, te_y = create_pairs(x_test, digit_indices)

base_network = create_base_network((8, 8, 1))
input_a = keras.Input(shape=(8, 8, 1))
input_b = keras.Input(shape=(8, 8, 1))
distance = layers.Lambda(euclidean_distance, output_shape=(1,))([base_network(input_a), base_network(input_b)])
model = keras.Model([input_a, input_b], distance)

model.compile(loss=contrastive_loss, optimizer=keras.optimizers.RMSprop())
model.fit([tr_pairs[:, 0], tr_pairs[:, 1]], tr_y, batch_size=64, epochs=epochs,
          validation_data=([te_pairs[:, 0], te_pairs[:, 1]], te_y), verbose=2)

tr_acc = compute_accuracy(model.predict([tr_pairs[:, 0], tr_pairs[:, 1]], verbose=0), tr_y)
te_acc = compute_accuracy(model.predict([te_pairs[:, 0], te_pairs[:, 1]], verbose=0), te_y)
print("* Accuracy on training set: %0.2f%%" % (100 * tr_acc))
print("* Accuracy on test set: %0.2f%%" % (100 * te_acc))
print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", tr_acc, te_acc))
