"""Source: keras-team/keras#2622 ("Using Automatic Standardization in Image Generator Generates Much Worse Fit to Validation Data"), answers of joelthchao seen.

What the person saw: with featurewise_center and featurewise_std_normalization in the image generator the training
goes fine, but the validation set does not improve or only slightly; without them it follows the training set.

CAUSE: only the training images go through the generator; the arrays given as validation_data are not standardized.
FIX: a second generator, fitted the same way, for the validation data.
(The generator is a Sequence of the script's own, ImageDataGenerator being gone from Keras 3; the pictures, 0..255, are mine.)
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(12)


class ImageGenerator(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size=32, shuffle=True, flip=True):
        super().__init__()
        self.x, self.y, self.b, self.shuffle, self.flip = x, y, batch_size, shuffle, flip
        self.order = np.arange(len(x))

    def fit(self, x):
        self.mean = x.mean(axis=(0, 1, 2))
        self.std = x.std(axis=(0, 1, 2)) + 1e-6
        return self

    def __len__(self):
        return int(np.ceil(len(self.x) / self.b))

    def __getitem__(self, i):
        k = self.order[i * self.b:(i + 1) * self.b]
        xb = (self.x[k] - self.mean) / self.std
        if self.flip and np.random.rand() < 0.5:
            xb = xb[:, :, ::-1]
        return xb, self.y[k]

    def on_epoch_end(self):
        if self.shuffle:
            np.random.shuffle(self.order)


def pictures(n):
    y = np.random.randint(0, 6, n)
    g = np.arange(16)
    x = np.zeros((n, 16, 16, 3), dtype="float32")
    for i, c in enumerate(y):
        f, along = 1 + c % 3, c // 3
        ph = np.random.rand() * 6.28
        wave = np.sin(2 * np.pi * (f + 1) * g / 16 + ph)
        wave = np.tile(wave, (16, 1)) if along else np.tile(wave[:, None], (1, 16))
        x[i] = 120 + np.random.randn() * 15 + 22 * wave[..., None] + np.random.randn(16, 16, 3) * 12
    return np.clip(x, 0, 255), y


x_train, y_train = pictures(1000)
x_val, y_val = pictures(300)

train = ImageGenerator(x_train, y_train).fit(x_train)
if GOOD:
    val = ImageGenerator(x_val, y_val, shuffle=False, flip=False).fit(x_train)
else:
    val = (x_val, y_val)

model = keras.Sequential([
    layers.Input((16, 16, 3)),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(16, 3, activation="relu"),
    layers.Flatten(),
    layers.Dense(32, activation="relu"),
    layers.Dense(6, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train, epochs=10, validation_data=val, verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
