"""
SOURCE: GitHub keras-team/keras#6499 ("Evaluate_generator produces wrong accuracy scores?"; answer of jtxtina, 2020-07-10)
SAW: the CNN trains well, but the accuracy that is computed from predict(generator) on the test pictures is about
     chance and different at every call.
CAUSE: ImageDataGenerator.flow() shuffles by default, so the predictions come in another order than Y_test.
FIX: shuffle=False in the flow() that is used for prediction.
"""
import sys
import numpy as np
import keras
from keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(0)
rng = np.random.RandomState(1)
NAMES = ["normal", "nodule", "stripe"]


def scan(kind):
    a = rng.normal(100, 15, (32, 32))
    yy, xx = np.mgrid[0:32, 0:32]
    cy, cx = rng.uniform(8, 24, 2)
    if kind == 1:
        a[np.hypot(yy - cy, xx - cx) < rng.uniform(3, 6)] += 60
    if kind == 2:
        a[abs((yy - cy) - rng.uniform(-1, 1) * (xx - cx)) < 2] += 60
    return np.clip(a, 0, 255)


Y = rng.randint(0, 3, 800)
X = np.stack([scan(k) for k in Y])[..., None].astype("float32")
X_train, Y_train = X[:600], Y[:600]
X_test, Y_test = X[600:], keras.utils.to_categorical(Y[600:], 3)

train_gen = ImageDataGenerator(rescale=1.0 / 255, width_shift_range=0.1, horizontal_flip=True)
test_gen = ImageDataGenerator(rescale=1.0 / 255)

model = keras.Sequential([
    keras.Input((32, 32, 1)),
    layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
    layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.3),
    layers.Dense(3, activation="softmax")])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
h = model.fit(train_gen.flow(X_train, keras.utils.to_categorical(Y_train, 3), batch_size=32), epochs=14, verbose=2)

if GOOD:
    flow = test_gen.flow(X_test, batch_size=32, shuffle=False)
else:
    flow = test_gen.flow(X_test, batch_size=32)
scores = model.predict(flow, verbose=0)
y_pred = scores.argmax(axis=1)
y_true = Y_test.argmax(axis=1)
for i, n in enumerate(NAMES):
    print("%-8s" % n, [int(((y_true == i) & (y_pred == j)).sum()) for j in range(3)])
acc = (y_pred == y_true).mean()
print("RESULT %s train=%.3f val=%.3f (accuracy)" % (sys.argv[1], h.history["accuracy"][-1], acc))
