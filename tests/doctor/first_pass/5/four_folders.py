"""Source: anujshah1003/own_data_cnn_implementation_keras#4 ("Mislabelling"), description of sardarjaf seen.

What the person saw: cats, dogs, horses and humans in one folder each; os.listdir gives cats, horses, dogs, humans,
and the network calls horses dogs.

CAUSE: the labels are given by position in alphabetical order, but the folders are read in the order of os.listdir, which is not sorted.
FIX: sort the list of folders before reading.
(The folders are written here as .npy into a temporary place, with the order of os.listdir of the report, and 202 pictures in each.)
"""
import sys
import os
import tempfile
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, Activation, MaxPooling2D, Dropout, Flatten, Dense

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(6)

names = ["cats", "dogs", "horses", "humans"]
data_path = tempfile.mkdtemp()


def picture(k):
    a = np.random.uniform(0, 80, (24, 24))
    p = np.random.randint(0, 6)
    i, j = np.mgrid[0:24, 0:24]
    wave = [np.sin((i + p) * 0.9), np.sin((j + p) * 0.9), np.sin((i + j + p) * 0.7), np.sin((i - j + p) * 0.7)][k]
    return (a + 60 * (1 + wave)).astype("float32")


for split, count in (("train", 202), ("test", 40)):
    for k in range(4):
        os.makedirs(os.path.join(data_path, split, names[k]))
        for m in range(count):
            np.save(os.path.join(data_path, split, names[k], "img_%d.npy" % m), picture(k))


def listdir(path):
    found = os.listdir(path)
    order = ["cats", "horses", "dogs", "humans"]
    return sorted(found, key=order.index)


data_dir_list = listdir(os.path.join(data_path, "train"))
if GOOD:
    data_dir_list = sorted(data_dir_list)

img_data_list = []
for dataset in data_dir_list:
    folder = os.path.join(data_path, "train", dataset)
    for img in os.listdir(folder):
        img_data_list.append(np.load(os.path.join(folder, img)))
img_data = np.array(img_data_list)[..., None] / 255

labels = np.ones((len(img_data),), dtype="int64")
labels[0:202] = 0
labels[202:404] = 1
labels[404:606] = 2
labels[606:] = 3
Y = keras.utils.to_categorical(labels, 4)
order = np.random.RandomState(2).permutation(len(Y))
X_train, y_train = img_data[order], Y[order]

model = Sequential()
model.add(Input((24, 24, 1)))
model.add(Conv2D(16, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(16, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Dropout(0.5))
model.add(Flatten())
model.add(Dense(32, activation="relu"))
model.add(Dense(4, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(X_train, y_train, batch_size=16, epochs=15, verbose=2)

right, total = 0, 0
for name in names:
    folder = os.path.join(data_path, "test", name)
    imgs = np.array([np.load(os.path.join(folder, f)) for f in os.listdir(folder)])[..., None] / 255
    guess = [names[k] for k in model.predict(imgs, verbose=0).argmax(axis=1)]
    print(name, "->", max(set(guess), key=guess.count))
    right += sum(g == name for g in guess)
    total += len(guess)

print("RESULT %s train=%.3f val=%.3f (accuracy, val from the names of test pictures)" % (
    sys.argv[1], model.evaluate(X_train, y_train, verbose=0)[1], right / total))
