"""Source: keras-team/keras#14729 ("too low accuracy", breast cancer table; the question was seen, the answer of
pedro-r-marques was not in the text found; the cause is what the code shows, named the same way in keras-team/keras#17029,
and checked by running).
Seen: the accuracy is far too low for this table and does not get better.
CAUSE: categorical_crossentropy on a single sigmoid unit is always 0 and has no gradient.
FIX: binary_crossentropy."""
import sys

import keras
from keras import layers
from keras.layers import Dropout, Flatten, Input
from keras.models import Sequential
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(0)

data = load_breast_cancer()
X = data.data
y = LabelEncoder().fit_transform(["M" if t == 0 else "B" for t in data.target])

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)

model3 = Sequential()
model3.add(Input((30,)))
model3.add(Flatten())
model3.add(layers.Dense(16, activation="relu", kernel_initializer="random_uniform"))
model3.add(Dropout(0.1))
model3.add(layers.Dense(16, activation="relu", kernel_initializer="random_uniform"))
model3.add(Dropout(0.1))
model3.add(layers.Dense(1, activation="sigmoid", kernel_initializer="random_uniform"))

loss = keras.losses.categorical_crossentropy
if GOOD:
    loss = keras.losses.binary_crossentropy
model3.compile(optimizer=keras.optimizers.Adam(), loss=loss, metrics=["accuracy"])
model3.fit(X_train, y_train, batch_size=100, epochs=100, verbose=2)

print("RESULT", sys.argv[1], "train=%.3f val=%.3f (accuracy)"
      % (model3.evaluate(X_train, y_train, verbose=0)[1], model3.evaluate(X_test, y_test, verbose=0)[1]))
