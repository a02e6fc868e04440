"""
SOURCE: https://github.com/keras-team/keras/issues/12689 ("Incorrect validation accuracy")

SEEN: photos of clothing (shoes, jeans, jackets ...), 2500 for training and 500 for validation, equally many of
each class. After 20 epochs the training accuracy is 0.96 and the loss 0.11, the validation accuracy is 0.049
(one over the number of classes) with a loss above 12, and does not change during the whole training.

CAUSE: the two image generators prepare the pixels in different ways (the ImageNet mean subtraction in one,
rescaling to [0, 1] in the other), so that the network is validated on inputs of another scale.
FIX: the same preprocessing in both generators.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras import layers
from keras.applications.vgg16 import preprocess_input
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)

N_CLASSES, S = 20, 28
# every kind of garment has its own cut and cloth
coarse = rng.uniform(30, 225, (N_CLASSES, 7, 7, 3))
cuts = coarse.repeat(4, axis=1).repeat(4, axis=2)


def photos(per_class):
    x, y = [], []
    for c in range(N_CLASSES):
        for _ in range(per_class):
            img = np.roll(cuts[c], rng.integers(-2, 3, 2), axis=(0, 1))
            img = img * rng.uniform(0.7, 1.15) + rng.normal(0, 18, img.shape)
            x.append(np.clip(img, 0, 255))
            y.append(c)
    x, y = np.array(x, dtype="float32"), np.array(y)
    p = rng.permutation(len(x))
    return x[p], keras.utils.to_categorical(y[p], N_CLASSES)


x_train, y_train = photos(125)
x_val, y_val = photos(25)

train_datagen = ImageDataGenerator(preprocessing_function=preprocess_input)
if GOOD:
    val_datagen = ImageDataGenerator(preprocessing_function=preprocess_input)
else:
    val_datagen = ImageDataGenerator(rescale=1.0 / 255)

train_gen = train_datagen.flow(x_train, y_train, batch_size=50, seed=3)
val_gen = val_datagen.flow(x_val, y_val, batch_size=50, shuffle=False)

inp = keras.Input((S, S, 3))
h = layers.Conv2D(24, 3, activation="relu")(inp)
h = layers.MaxPooling2D()(h)
h = layers.Conv2D(48, 3, activation="relu")(h)
h = layers.MaxPooling2D()(h)
h = layers.Flatten()(h)
h = layers.Dense(96, activation="relu")(h)
h = layers.Dropout(0.2)(h)
out = layers.Dense(N_CLASSES, activation="softmax")(h)
model = keras.Model(inp, out)
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
hist = model.fit(train_gen, validation_data=val_gen, epochs=8, verbose=2)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad",
      hist.history["accuracy"][-1], hist.history["val_accuracy"][-1]))
