"""
SOURCE: GitHub tensorflow/tensorflow#38430 ("flow_from_dataframe() doesn't shuffle data properly when splitting in subsets")
SAW: pictures of 9 categories listed in a data frame, validation_split in ImageDataGenerator, shuffle=True in
     flow_from_dataframe: training accuracy is fine, validation accuracy is terrible.
CAUSE: the frame is sorted by category and the split is cut before any shuffling, so whole categories are only in the
       validation subset and never in training.
FIX: shuffle the data frame before the generators split it.
"""
import os
import sys
import tempfile
import numpy as np
import pandas as pd
import keras
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(21)
rng = np.random.RandomState(21)

tmp = tempfile.TemporaryDirectory()
rows = []
S = 24
yy, xx = np.mgrid[0:S, 0:S]
for cat in range(9):
    for i in range(60):
        a = np.ones((S, S, 3)) * 200 + rng.normal(0, 8, (S, S, 3))
        cy, cx = rng.uniform(9, 15, 2)
        r = [4, 6, 8][cat % 3] + rng.uniform(-0.5, 0.5)
        col = [(160, 60, 120), (70, 90, 170), (90, 150, 90)][cat // 3]
        a[np.hypot(yy - cy, xx - cx) < r] = np.array(col) + rng.normal(0, 12, 3)
        name = "cell_%d_%03d.png" % (cat, i)
        keras.utils.save_img(os.path.join(tmp.name, name), np.clip(a, 0, 255), scale=False)
        rows.append((name, "type%d" % cat))
df = pd.DataFrame(rows, columns=["filename", "class"])
if GOOD:
    df = df.sample(frac=1, random_state=1).reset_index(drop=True)

datagen = ImageDataGenerator(rescale=1.0 / 255, validation_split=0.25)
common = dict(directory=tmp.name, x_col="filename", y_col="class", target_size=(S, S), class_mode="categorical",
              batch_size=32, shuffle=True, seed=3)
train_it = datagen.flow_from_dataframe(df, subset="training", **common)
valid_it = datagen.flow_from_dataframe(df, subset="validation", **common)

model = keras.Sequential([
    keras.Input((S, S, 3)),
    layers.Conv2D(16, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(9, activation="softmax"),
])
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train_it, validation_data=valid_it, epochs=25, verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
