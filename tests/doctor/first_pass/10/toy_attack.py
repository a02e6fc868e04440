"""Source: Trusted-AI/adversarial-robustness-toolbox#7 (bug in "to_categorical" implementation),
https://github.com/Trusted-AI/adversarial-robustness-toolbox/issues/7

Seen: running the CIFAR-10 example of the toolbox, the loss of the classifier does not drop and the
accuracy stays at chance.

CAUSE: the labels have the shape (n, 1), so the fancy indexing in to_categorical broadcasts to (n, n)
and writes a 1 into every column of every row.
FIX: set the 1 row by row (one index for each row), as the reporter did.
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)


def to_categorical(labels, nb_classes=None):
    labels = np.array(labels, dtype=int)
    if not nb_classes:
        nb_classes = labels.max() + 1
    categorical = np.zeros((labels.shape[0], nb_classes))
    if GOOD:
        for i in range(labels.shape[0]):
            categorical[i][labels[i]] = 1
    else:
        categorical[np.arange(labels.shape[0]), labels] = 1
    return categorical


def load_toy_cifar():
    """Coloured 16x16 pictures in ten classes; labels come as a column, like those of cifar10."""
    d = load_digits()
    shape = np.kron(d.images / 16.0, np.ones((1, 2, 2)))[..., None]
    n = len(shape)
    fore = rng.uniform(120, 255, (n, 1, 1, 3))
    back = rng.uniform(0, 90, (n, 1, 1, 3))
    x = shape * fore + (1 - shape) * back + rng.normal(0, 8, (n, 16, 16, 3))
    x = np.clip(x, 0, 255)
    y = d.target.reshape(-1, 1)
    order = rng.permutation(n)
    x, y = x[order], y[order]
    return (x[:1400], y[:1400]), (x[1400:], y[1400:])


def preprocess(x, y, nb_classes=10):
    x = x.astype("float32") / 255.0
    return x, to_categorical(y, nb_classes)


def cnn_model(input_shape, nb_classes=10):
    model = keras.Sequential([
        keras.Input(input_shape),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(nb_classes, activation="softmax"),
    ])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


(x_train, labels_train), (x_test, labels_test) = load_toy_cifar()
x_train, y_train = preprocess(x_train, labels_train)
x_test, y_test = preprocess(x_test, labels_test)

model = cnn_model(x_train.shape[1:])
model.fit(x_train, y_train, epochs=15, batch_size=64, verbose=2)


def right(x, labels):
    return np.mean(model.predict(x, verbose=0).argmax(1) == labels[:, 0])


print("RESULT %s train=%.3f val=%.3f (accuracy)" % ("good" if GOOD else "bad", right(x_train, labels_train), right(x_test, labels_test)))
