"""
Source: https://github.com/ChenglongChen/tensorflow-DeepFM/issues/47
(Chinese: "with another set of data the auc is always 0.5, why?")
Seen: DeepFM on data of one's own: the predictions are all 0 or all 1 and the AUC stays at 0.5.
CAUSE: the continuous columns are not scaled; they multiply the embedding vectors, so the large
values drown everything else and the sigmoid is saturated from the start.
FIX: standardise the continuous columns (named by two people in the thread who had the same).
"""
import sys
import numpy as np
import keras
from keras import layers, ops
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)

# ---- the table: 5 categorical and 5 continuous columns -------------------------------
n = 12000
sizes = [2, 7, 24, 30, 12]
cats = np.stack([rng.integers(0, s, n) for s in sizes], 1)
age = rng.integers(18, 70, n).astype(float)
income = rng.lognormal(9.0, 0.6, n)
balance = rng.lognormal(10.0, 1.0, n)
visits = rng.poisson(20, n).astype(float)
seconds = rng.exponential(600, n)
conts = np.stack([age, income, balance, visits, seconds], 1)

eff = [rng.normal(0, 0.8, s) for s in sizes]
z = sum(e[c] for e, c in zip(eff, cats.T))
z += 0.9 * (np.log(income) - 9.0) / 0.6 - 0.7 * (age - 44) / 15 + 0.6 * (visits - 20) / 4.5
z += 0.8 * np.sign(cats[:, 0] - 0.5) * (np.log(balance) - 10.0)
y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * z))).astype("float32")

split = 9000
if GOOD:
    sc = StandardScaler().fit(conts[:split])
    conts = sc.transform(conts)

# feature index / feature value, one column per field
offsets = np.cumsum([0] + sizes)
Xi = np.concatenate([cats + offsets[:-1], np.tile(offsets[-1] + np.arange(5), (n, 1))], 1).astype("int32")
Xv = np.concatenate([np.ones_like(cats, dtype=float), conts], 1).astype("float32")
feature_size, field_size, k = int(offsets[-1] + 5), Xi.shape[1], 8

# ---- DeepFM ---------------------------------------------------------------------------
feat_index = keras.Input((field_size,), dtype="int32")
feat_value = keras.Input((field_size,))
value = layers.Reshape((field_size, 1))(feat_value)

emb = layers.Embedding(feature_size, k, embeddings_initializer=keras.initializers.RandomNormal(0, 0.01))(feat_index)
emb = layers.Multiply()([emb, value])

first = layers.Embedding(feature_size, 1, embeddings_initializer="uniform")(feat_index)
first = layers.Flatten()(layers.Multiply()([first, value]))

summed_square = layers.Lambda(lambda e: ops.square(ops.sum(e, 1)), output_shape=(k,))(emb)
squared_sum = layers.Lambda(lambda e: ops.sum(ops.square(e), 1), output_shape=(k,))(emb)
second = layers.Lambda(lambda t: 0.5 * (t[0] - t[1]), output_shape=(k,))([summed_square, squared_sum])

deep = layers.Flatten()(emb)
for units in (32, 32):
    deep = layers.Dense(units, activation="relu")(deep)
    deep = layers.Dropout(0.1)(deep)

out = layers.Dense(1, activation="sigmoid")(layers.Concatenate()([first, second, deep]))
model = keras.Model([feat_index, feat_value], out)


def log_loss(y_true, y_pred, eps=1e-7):
    return ops.mean(-y_true * ops.log(y_pred + eps) - (1 - y_true) * ops.log(1 - y_pred + eps), axis=-1)


model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=log_loss)
model.fit([Xi[:split], Xv[:split]], y[:split, None], batch_size=256, epochs=25, verbose=2,
          validation_data=([Xi[split:], Xv[split:]], y[split:, None]))

p = np.nan_to_num(model.predict([Xi, Xv], batch_size=1024, verbose=0)[:, 0], nan=0.5)
print("predictions below 0.01 or above 0.99:", ((p < 0.01) | (p > 0.99)).mean())
print(f"RESULT {sys.argv[1]} train={roc_auc_score(y[:split], p[:split]):.3f} "
      f"val={roc_auc_score(y[split:], p[split:]):.3f} (AUC)")
