"""
SOURCE: GitHub keras-team/keras#12096 ("Simple CNN not learning at all", 2019; the answer itself was not seen, the cause follows
        from the posted code)
SAW: two pictures of a dog and one of a cat, one convolution: loss is 5.3727 and accuracy 0.6667 in every epoch, also
     after 100 epochs; the prediction never changes.
CAUSE: the output layer has relu instead of softmax under categorical_crossentropy (the raw 0..255 pixels drive one
       output to exactly 0, where there is no gradient).
FIX: softmax in the output layer.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Flatten, Dense, Input

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(1)
rng = np.random.RandomState(4)
N = 112
yy, xx = np.mgrid[0:N, 0:N]


def animal(dog, shift):
    a = rng.normal(120, 20, (N, N))
    if dog:      # long muzzle, hanging ears
        a[((yy - 60) / 40) ** 2 + ((xx - 56 - shift) / 24) ** 2 < 1] = 200
        a[(abs(xx - 30 - shift) < 7) & (abs(yy - 60) < 25)] = 60
        a[(abs(xx - 82 - shift) < 7) & (abs(yy - 60) < 25)] = 60
    else:        # round, pointed ears
        a[np.hypot(yy - 66, xx - 56 - shift) < 30] = 90
        a[(yy > 20) & (yy < 45) & (abs(xx - 36 - shift) < (yy - 20) / 2)] = 90
        a[(yy > 20) & (yy < 45) & (abs(xx - 76 - shift) < (yy - 20) / 2)] = 90
    return np.clip(a, 0, 255).astype("uint8").reshape(N, N, 1)


img1, img2, img3, img4 = animal(1, 0), animal(1, 6), animal(1, -5), animal(0, 2)
X = np.array([img1, img2, img4])
y = np.array([[1, 0], [1, 0], [0, 1]])

model = Sequential()
model.add(Input((N, N, 1)))
model.add(Conv2D(48, (11, 11), activation="relu"))
model.add(MaxPooling2D(pool_size=(3, 3), strides=2))
model.add(Flatten())
if GOOD:
    model.add(Dense(2, activation="softmax"))
else:
    model.add(Dense(2, activation="relu"))

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
h = model.fit(X, y, epochs=60, verbose=2)
new = np.array([img3, animal(0, -4), animal(1, 4), animal(0, 6)])
out = model.predict(new, verbose=0)
print(out)
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (
    sys.argv[1], model.evaluate(X, y, verbose=0)[1], (out.argmax(1) == [0, 1, 0, 1]).mean()))
