"""
SOURCE: GitHub keras-team/keras#741 ("How to train a multi-label Classifier"; answer of elanmart, confirmed by holderm)
SAW: several labels can be 1 for one row (7 in total, e.g. 1 0 1 0 0 0 0); with a softmax output the loss does not converge
     and the predictions do not give the label sets.
CAUSE: softmax with categorical_crossentropy makes the labels compete for a sum of 1, the targets are several independent ones.
FIX: sigmoid outputs with binary_crossentropy.
"""
import sys
import numpy as np
import keras
from keras import layers
from sklearn.datasets import make_multilabel_classification

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(6)

X, Y = make_multilabel_classification(n_samples=2500, n_features=60, n_classes=7, n_labels=3, length=200,
                                      allow_unlabeled=False, random_state=6)
X = np.log1p(X).astype("float32")
X = X - X[:2000].mean(0)
Y = Y.astype("float32")
X_train, Y_train, X_test, Y_test = X[:2000], Y[:2000], X[2000:], Y[2000:]


class Tagger(keras.Model):
    def __init__(self, n_tags):
        super().__init__()
        self.d1 = layers.Dense(64, activation="relu")
        self.drop = layers.Dropout(0.2)
        self.d2 = layers.Dense(n_tags, activation="sigmoid" if GOOD else "softmax")

    def call(self, x, training=False):
        return self.d2(self.drop(self.d1(x), training=training))


model = Tagger(7)
model.compile(optimizer=keras.optimizers.Adam(0.001), loss="binary_crossentropy" if GOOD else "categorical_crossentropy")
model.fit(X_train, Y_train, epochs=30, batch_size=32, validation_data=(X_test, Y_test), verbose=2)


def exact(x, y):
    return ((model.predict(x, verbose=0) > 0.5) == (y > 0.5)).all(axis=1).mean()


print(np.round(model.predict(X_test[:4], verbose=0), 2))
print(Y_test[:4])
print("RESULT %s train=%.3f val=%.3f (rows with the exact label set)" % (
    sys.argv[1], exact(X_train, Y_train), exact(X_test, Y_test)))
