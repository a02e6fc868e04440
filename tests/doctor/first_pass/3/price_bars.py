"""
SOURCE: https://geek-questions.imtqy.com/articles/1270335/index.html (copy of the Stack Overflow question "Why does a
binary Keras CNN always predict 1?"; also https://whosebug.com/question/2796462)

SEEN: about 6000 windows of ten steps with four standardised columns, labels 0/1, a small 1D-convolution network.
The confusion matrix on the test part is [[0, 362], [0, 608]]: all predictions are 1, and neither loss nor accuracy moves.

CAUSE: the output layer is Dense(1) with a softmax, which is 1 for every input.
FIX: sigmoid instead of softmax.
"""
import os, sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv1D, BatchNormalization, LeakyReLU, Dropout, Flatten, Dense, Activation
from keras.callbacks import ReduceLROnPlateau
from sklearn.metrics import confusion_matrix

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(41)
rng = np.random.default_rng(41)

N = 3000
close = np.cumsum(rng.normal(0, 1, (N, 11)), axis=1) * 0.02
slope = rng.normal(0.01, 0.03, (N, 1))
close = close + slope * np.arange(11)
bars = np.stack([close, close + abs(rng.normal(0, .02, close.shape)), close - abs(rng.normal(0, .02, close.shape)),
                 close + rng.normal(0, .01, close.shape)], axis=2)
X = bars[:, :10].astype("float32")
X = (X - X.mean()) / X.std()
y = (slope[:, 0] + rng.normal(0, .004, N) > 0).astype(int)
X_train, y_train, X_test, y_test = X[:2030], y[:2030], X[2030:], y[2030:]
print("share of ones", y_train.mean())

model = Sequential()
model.add(Input((10, 4)))
model.add(Conv1D(16, 4, padding="same"))
model.add(BatchNormalization())
model.add(LeakyReLU())
model.add(Dropout(0.2))
model.add(Conv1D(8, 4, padding="same"))
model.add(BatchNormalization())
model.add(LeakyReLU())
model.add(Dropout(0.2))
model.add(Flatten())
model.add(Dense(64))
model.add(BatchNormalization())
model.add(LeakyReLU())
model.add(Dense(1))
model.add(Activation("sigmoid" if GOOD else "softmax"))
reduce_lr = ReduceLROnPlateau(monitor="val_accuracy", factor=0.9, patience=30, min_lr=0.000001, verbose=0)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
h = model.fit(X_train, y_train, epochs=20, batch_size=128, verbose=2, validation_data=(X_test, y_test),
              callbacks=[reduce_lr], shuffle=True)
print(confusion_matrix(y_test, (model.predict(X_test, verbose=0)[:, 0] > 0.5).astype(int)))
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", h.history["accuracy"][-1], h.history["val_accuracy"][-1]))
