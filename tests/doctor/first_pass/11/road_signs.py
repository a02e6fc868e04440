"""
SOURCE: udacity/CarND-Traffic-Sign-Classifier-Project#46 (pull request "modify normalization
    function"; a TensorFlow loop there, Keras layers and the same kind of loop here).
SAW: LeNet on the German traffic signs with the normalisation that the project proposes comes
    to 75 % only.
CAUSE: The pictures are uint8, and (pixel - 128) is computed in uint8, where dark pixels wrap around
    and become bright ones.
FIX: Turn the pictures into floats before the subtraction.
"""
import sys

import numpy as np
import keras
from keras import layers
from sklearn.utils import shuffle

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

n_classes = 43
EPOCHS = 12
BATCH_SIZE = 64


def load_signs(per_class, rng, shapes):
    X, y = [], []
    for k in range(n_classes):
        for _ in range(per_class):
            light = rng.uniform(70, 190)
            contrast = rng.uniform(25, 60)
            pic = np.full((32, 32, 3), light)
            r, c = rng.integers(3, 9, 2)
            sign = np.kron(shapes[k], np.ones((4, 4, 1)))
            pic[r:r + 20, c:c + 20] += contrast * sign
            pic += rng.normal(0, 6, pic.shape)
            X.append(np.clip(pic, 0, 255))
            y.append(k)
    return np.array(X).astype(np.uint8), np.array(y)


rng = np.random.default_rng(5)
shapes = rng.choice([-1., 1.], (n_classes, 5, 5, 3))
X_train, y_train = load_signs(40, rng, shapes)
X_valid, y_valid = load_signs(10, rng, shapes)
print("Image data shape =", X_train.shape[1:], "classes =", n_classes)


def normalize(data):
    if GOOD:
        data = data.astype(np.float32)
    return (data - 128) / 128


X_train = normalize(X_train)
X_valid = normalize(X_valid)


def LeNet():
    inp = layers.Input((32, 32, 3))
    x = layers.Conv2D(6, 5, activation="relu")(inp)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(16, 5, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="relu")(x)
    x = layers.Dense(84, activation="relu")(x)
    logits = layers.Dense(n_classes)(x)
    return keras.Model(inp, logits)


model = LeNet()
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])

for i in range(EPOCHS):
    X_train, y_train = shuffle(X_train, y_train, random_state=i)
    for offset in range(0, len(X_train), BATCH_SIZE):
        end = offset + BATCH_SIZE
        model.train_on_batch(X_train[offset:end], y_train[offset:end])
    validation_accuracy = model.evaluate(X_valid, y_valid, verbose=0)[1]
    print("EPOCH {} ...  Validation Accuracy = {:.3f}".format(i + 1, validation_accuracy))

tr = model.evaluate(X_train, y_train, verbose=0)[1]
print(f"RESULT {sys.argv[1]} train={tr:.3f} val={validation_accuracy:.3f} (accuracy, 43 classes)")
