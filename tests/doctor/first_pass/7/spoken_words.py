"""Source: JaesungBae/Speech-Command-Recognition-with-Capsule-Network#2 ("The accuracy of baseline CNN model remain very
low"), reporter's own solution seen.

What the person saw: the CNN baseline for spoken commands (pictures of features over time, 30 words): accuracy 0.035 and
loss 3.39 in every epoch, training and validation alike.

CAUSE: the learning rate is too high, after the first steps the net gives the same for every word.
FIX: a much smaller learning rate (the reporter: 0.00001).
(The rate used before is not in the thread, 0.03 here; made-up features on the scale of MFCCs; 15 words; 0.0001 in the
good variant because there are far fewer steps here.)
"""
import sys
import numpy as np
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(19)
rng = np.random.default_rng(19)

WORDS, T, F = 15, 40, 20
tracks = [(rng.uniform(2, 17, 3), rng.uniform(-0.25, 0.25, 3), rng.uniform(6, 34, 3)) for _ in range(WORDS)]
tt, ff = np.mgrid[:T, :F]


def speak(word):
    img = rng.normal(0, 9, (T, F))
    img[:, 0] -= rng.uniform(150, 350)
    shift = rng.normal(0, 1.5)
    for f0, slope, t0 in zip(*tracks[word]):
        img += 45 * np.exp(-((ff - f0 - slope * (tt - t0)) ** 2) / 3 - ((tt - t0 - shift) ** 2) / 40)
    return img


y = rng.permutation(np.repeat(np.arange(WORDS), 60))
x = np.array([speak(k) for k in y], "float32")[..., None]
Y = keras.utils.to_categorical(y, WORDS)
x_train, x_val, y_train, y_val = x[:720], x[720:], Y[:720], Y[720:]

model = keras.Sequential([
    keras.Input((T, F, 1)),
    layers.Conv2D(24, (12, 6), padding="same", activation="relu"),
    layers.MaxPooling2D((2, 2)),
    layers.Conv2D(24, (6, 4), padding="same", activation="relu"),
    layers.Flatten(),
    layers.Dense(32),
    layers.Dense(128, activation="relu"),
    layers.Dense(WORDS, activation="softmax"),
])
model.compile(keras.optimizers.Adam(0.0001 if GOOD else 0.03), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=12, validation_data=(x_val, y_val), verbose=2)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(x_train, y_train, verbose=0)[1], model.evaluate(x_val, y_val, verbose=0)[1]))
