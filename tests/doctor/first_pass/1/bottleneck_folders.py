"""
SOURCE: keras-team/keras#7520, "solve label error when image is shuffled"
SAW: bottleneck features are taken from a trained convolutional base with predict on a directory generator,
a small classifier is trained on them; it stays at chance on new pictures although the features are good.
CAUSE: the generator is created with shuffle=True, while the labels come from generator.classes, which is in
the order of the files: features and labels do not belong together.
FIX: shuffle=False in the generator used for the prediction.
"""
import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import numpy as np
import keras
from keras import layers
from keras.utils import to_categorical
from sklearn.datasets import load_digits
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(75)
SIZE, BATCH = (32, 32), 25

d = load_digits()
big = np.kron(d.images * 15.9, np.ones((1, 4, 4)))[..., None].repeat(3, axis=-1)

root = tempfile.mkdtemp()
train_dir, val_dir = os.path.join(root, "train"), os.path.join(root, "validation")
for c in range(5, 10):
    own = np.where(d.target == c)[0]
    for folder, idx in ((train_dir, own[:110]), (val_dir, own[110:160])):
        os.makedirs(os.path.join(folder, "class_%d" % c))
        for i in idx:
            keras.utils.save_img(os.path.join(folder, "class_%d" % c, "%04d.png" % i), big[i], scale=False)

# the base is trained on other classes first
old = d.target < 5
base = keras.Sequential([
    layers.Input(SIZE + (3,)),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.Flatten(),
])
pre = keras.Sequential([base, layers.Dense(5, activation="softmax")])
pre.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
pre.fit(big[old] / 255.0, d.target[old], epochs=3, verbose=2)
base.trainable = False


def bottleneck(folder, shuffle):
    datagen = ImageDataGenerator(rescale=1. / 255)
    generator = datagen.flow_from_directory(
        folder, target_size=SIZE, batch_size=BATCH,
        class_mode=None, shuffle=shuffle, seed=3)
    features = base.predict(generator, steps=generator.n // BATCH, verbose=0)
    return features, to_categorical(generator.classes, 5)


train_feat, train_labels = bottleneck(train_dir, shuffle=not GOOD)
val_feat, val_labels = bottleneck(val_dir, shuffle=not GOOD)

model = keras.Sequential([
    layers.Input(train_feat.shape[1:]),
    layers.Dense(64, activation="relu"),
    layers.Dropout(0.5),
    layers.Dense(5, activation="softmax"),
])
model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train_feat, train_labels, epochs=25, batch_size=BATCH,
              validation_data=(val_feat, val_labels), verbose=2)
print("RESULT %s train=%.3f val=%.3f" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
