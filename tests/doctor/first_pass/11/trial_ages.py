"""Where from: https://github.com/Kotlin/kotlindl/issues/287 ("Always produce same prediction.", by
smallshen; the maintainer zaleslaw found it).  KotlinDL there, Keras here; the ages are
made up in the same way (a drug trial with people of 13 to 100 years).

Seen: the model is to give the chance of side effects by age, and gives the same output for
every age of the test list.

CAUSE: the net is trained on ages scaled to 0..1, but the test list holds the plain ages.
FIX: scale the test ages in the same way.
"""
import sys
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Dense
from sklearn.preprocessing import MinMaxScaler

GOOD = len(sys.argv) > 1 and sys.argv[1] == "good"
keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)


def trial(n):
    """95 % of the older ones had side effects, 95 % of the younger ones had none"""
    samples, labels = [], []
    for _ in range(n // 40):
        samples.append(rng.integers(13, 65)); labels.append(1)
        samples.append(rng.integers(65, 101)); labels.append(0)
    for _ in range(n // 2 - n // 40):
        samples.append(rng.integers(13, 65)); labels.append(0)
        samples.append(rng.integers(65, 101)); labels.append(1)
    order = rng.permutation(len(labels))
    return np.array(samples)[order].reshape(-1, 1), np.array(labels)[order]


ages, effects = trial(2100)
new_ages, new_effects = trial(400)

scaler = MinMaxScaler(feature_range=(0, 1))
ages01 = scaler.fit_transform(ages)

model = Sequential([
    Input((1,)),
    Dense(16, activation="relu"),
    Dense(32, activation="relu"),
    Dense(2, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.001),
              loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(ages01, effects, batch_size=10, epochs=15, shuffle=True, verbose=2)

if GOOD:
    test = scaler.transform(new_ages)
else:
    test = new_ages.astype("float32")

chances = model.predict(test, batch_size=10, verbose=0)
for age, p in list(zip(new_ages.ravel(), chances))[:10]:
    print("age %3d   none %.3f   side effects %.3f" % (age, p[0], p[1]))

train = model.evaluate(ages01, effects, verbose=0)[1]
val = np.mean(chances.argmax(axis=1) == new_effects)
print("RESULT %s train=%.3f val=%.3f" % ("good" if GOOD else "bad", train, val))
