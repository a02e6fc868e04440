"""
Source: keras-team/keras#12689 ("Incorrect validation accuracy")

Seen: clothing pictures, about 20 balanced categories, 2500 for training and 500 for validation. After 20 epochs
train accuracy 0.96 but validation accuracy 0.049 (1 / number of classes) with a huge val_loss, unchanged during the whole training.

CAUSE: the two image generators prepare the pictures in different ways (training: mean pixel subtracted, range about -120..130; validation: rescaled to 0..1).
FIX: give the validation generator the same preprocessing as the training generator.
"""
import sys

import numpy as np
import keras
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(8)

n_classes = 20
rng = np.random.default_rng(8)
# one soft template (cut and cloth) per category
templates = rng.uniform(40, 215, size=(n_classes, 4, 4, 3))


def pictures(n):
    y = np.arange(n) % n_classes
    x = np.empty((n, 24, 24, 3), "float32")
    for i, c in enumerate(y):
        big = np.kron(templates[c], np.ones((6, 6, 1)))
        dy, dx = rng.integers(-3, 4, 2)
        big = np.roll(np.roll(big, dy, 0), dx, 1) * rng.uniform(0.8, 1.1)
        x[i] = np.clip(big + rng.normal(0, 22, big.shape), 0, 255)
    return x, keras.utils.to_categorical(y, n_classes)


x_train, y_train = pictures(1500)
x_val, y_val = pictures(300)


def subtract_mean(img):
    return img - np.array([123.68, 116.78, 103.94], dtype="float32")


train_datagen = ImageDataGenerator(preprocessing_function=subtract_mean, width_shift_range=1)
if GOOD:
    val_datagen = ImageDataGenerator(preprocessing_function=subtract_mean)
else:
    val_datagen = ImageDataGenerator(rescale=1.0 / 255)

train_generator = train_datagen.flow(x_train, y_train, batch_size=32, seed=1)
val_generator = val_datagen.flow(x_val, y_val, batch_size=32, shuffle=False)

model = keras.Sequential([
    keras.Input((24, 24, 3)),
    layers.Conv2D(16, 3),
    layers.BatchNormalization(),
    layers.Activation("relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3),
    layers.BatchNormalization(),
    layers.Activation("relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(n_classes, activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(train_generator, validation_data=val_generator, epochs=10, verbose=2)

train = history.history["accuracy"][-1]
val = history.history["val_accuracy"][-1]
print(f"RESULT {sys.argv[1]} train={train:.3f} val={val:.3f} (accuracy)")
