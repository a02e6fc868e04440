"""Source: udacity/nd320-c1-emr-data-starter#4 ("Test dataset is shuffled but result is compared to labels of unshuffled data
source", the reporter Voxelworld names cause and change; seen as a search excerpt).
Seen: the training goes well, but the plot of predicted against true values on the test data is a cloud.
CAUSE: df_to_dataset shuffles every set, also the test set, and the predictions are then compared row by row with the labels
of the table, which were not shuffled.
FIX: the flag shuffle is brought back in df_to_dataset and set to False for the test set.
(A table made here in place of the hospital data; arrays in place of a data frame.)"""
import sys

import numpy as np
import tensorflow as tf
import keras
from keras import layers

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(5)

n = 2400
rng = np.random.default_rng(5)
df = {
    "age": rng.normal(60, 12, n),
    "pressure": rng.normal(130, 15, n),
    "pulse": rng.normal(75, 10, n),
    "medications": rng.integers(0, 20, n).astype(float),
    "procedures": rng.integers(0, 6, n).astype(float),
}
df["days"] = (1 + 0.05 * df["age"] + 0.2 * df["medications"] + 0.7 * df["procedures"]
              + 0.002 * (df["pressure"] - 120) * df["medications"] + rng.normal(0, 0.4, n))
columns = ["age", "pressure", "pulse", "medications", "procedures"]


def part(a, b):
    return {k: v[a:b] for k, v in df.items()}


train_df, val_df, test_df = part(0, 1600), part(1600, 2000), part(2000, n)
mean = np.array([train_df[c].mean() for c in columns])
std = np.array([train_df[c].std() for c in columns])


def df_to_dataset(frame, predictor, batch_size=32, shuffle=True):
    x = (np.stack([frame[c] for c in columns], axis=1) - mean) / std
    ds = tf.data.Dataset.from_tensor_slices((x.astype("float32"), frame[predictor].astype("float32")))
    if shuffle or not GOOD:
        ds = ds.shuffle(buffer_size=len(x))
    return ds.batch(batch_size)


train_ds = df_to_dataset(train_df, "days")
val_ds = df_to_dataset(val_df, "days", shuffle=False)
test_ds = df_to_dataset(test_df, "days", shuffle=False)

model = keras.Sequential([
    keras.Input((len(columns),)),
    layers.Dense(64, activation="relu"),
    layers.Dense(32, activation="relu"),
    layers.Dense(1),
])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(train_ds, validation_data=val_ds, epochs=40, verbose=2)

preds = model.predict(test_ds, verbose=0)[:, 0]
actual = test_df["days"]
for p, a in list(zip(preds, actual))[:5]:
    print("predicted %.2f actual %.2f" % (p, a))
r2_test = 1 - np.mean((preds - actual) ** 2) / actual.var()
r2_train = 1 - model.evaluate(train_ds, verbose=0)[0] / train_df["days"].var()
print("RESULT", sys.argv[1], "train=%.3f val=%.3f (R2; val: predictions against the labels of the test table)" % (r2_train, r2_test))
