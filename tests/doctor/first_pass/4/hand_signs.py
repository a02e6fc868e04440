"""
SOURCE: GitHub keras-team/keras#13517 ("Keras val_acc and model.evaluate acc not matching"; own answer of buenohernandez, 2019-11-04)
SAW: val_acc during fit is high, but model.evaluate on the same validation pictures, read by hand into an array, is
     close to chance.
CAUSE: the hand-written reader does not rescale the pictures; the generators divide by 255, the array holds 0..255.
FIX: divide by 255 in the reader as well.
"""
import sys
import numpy as np
import keras
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(8)
rng = np.random.RandomState(8)
HEIGHT = WIDTH = 32


def photo(k):
    a = np.ones((HEIGHT, WIDTH, 3)) * rng.uniform(40, 90, 3) + rng.normal(0, 10, (HEIGHT, WIDTH, 3))
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH]
    cy, cx = rng.uniform(12, 20, 2)
    a[np.hypot(yy - cy, xx - cx) < 6] = (210, 160, 130)
    for f in range(k):                       # k fingers
        ang = -np.pi * (f + 1) / 6 + rng.uniform(-0.1, 0.1)
        for r in np.arange(5, 12, 0.5):
            py, px = int(cy + r * np.sin(ang)), int(cx + r * np.cos(ang))
            if 0 <= py < HEIGHT - 1 and 0 <= px < WIDTH - 1:
                a[py:py + 2, px:px + 2] = (215, 165, 135)
    return np.clip(a, 0, 255).astype("uint8")


def folder(n):
    lab = rng.randint(0, 5, n)
    return [photo(k) for k in lab], lab


train_files, train_lab = folder(800)
valid_files, valid_lab = folder(200)

train_datagen = ImageDataGenerator(rescale=1.0 / 255, zoom_range=0.05)
valid_datagen = ImageDataGenerator(rescale=1.0 / 255)
train_flow = train_datagen.flow(np.array(train_files), train_lab, batch_size=32)
valid_flow = valid_datagen.flow(np.array(valid_files), valid_lab, batch_size=32)

model = keras.Sequential()
model.add(keras.Input((HEIGHT, WIDTH, 3)))
for f in (16, 32, 64):
    model.add(layers.Conv2D(f, 3, padding="same"))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.Activation("relu"))
    model.add(layers.MaxPooling2D())
model.add(layers.Flatten())
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(5, activation="softmax"))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train_flow, validation_data=valid_flow, epochs=12, verbose=2)


def load_data():
    data, pred = [], []
    for pic, lab in zip(valid_files, valid_lab):
        if GOOD:
            pic = pic / 255.0
        data.append(pic)
        pred.append(lab)
    return np.asarray(data).astype("float32"), np.asarray(pred)


data, pred = load_data()
loss, acc = model.evaluate(data, pred, verbose=0)
print("val_accuracy in fit %.3f, evaluate %.3f" % (h.history["val_accuracy"][-1], acc))
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], acc))
