"""
Source: https://github.com/MdAsifKhan/DNGR-Keras/issues/1
("Getting all zeroes in embedding matrix for wine_network.mat")
Seen: a graph of the wine data goes through random surfing and a PPMI matrix into a
stacked autoencoder; the embedding that comes out of the middle layer is 0 for every node.
CAUSE: the dense layers have an activity regularizer; the values behind them are small for this
graph, so the penalty outweighs the reconstruction and makes them all zero.
FIX: leave the activity regularization out.
"""
import sys
import numpy as np
import keras
from keras import layers, regularizers
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(4)


def wine_adjacency(k=12):
    X = StandardScaler().fit_transform(load_wine().data)
    d = ((X[:, None, :] - X[None, :, :]) ** 2).sum(-1)
    A = np.zeros_like(d)
    for i in range(len(X)):
        near = np.argsort(d[i])[1:k + 1]
        A[i, near] = np.exp(-d[i, near] / 10.0)
    return np.maximum(A, A.T)


def random_surf(A, steps=4, alpha=0.98):
    P = A / A.sum(1, keepdims=True)
    P0 = np.eye(len(A))
    M, P_k = np.zeros_like(A), P0
    for _ in range(steps):
        P_k = alpha * P_k @ P + (1 - alpha) * P0
        M += P_k
    return M


def ppmi(M):
    M = M / M.sum(1, keepdims=True)
    col, row = M.sum(0, keepdims=True), M.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        P = np.log(M * M.sum() / (row * col))
    P[~np.isfinite(P)] = 0
    return np.maximum(P, 0)


data = ppmi(random_surf(wine_adjacency())).astype("float32")
data /= data.sum(1, keepdims=True)          # each node: shares of its neighbours
order = np.random.permutation(len(data))
train, test = data[order[:140]], data[order[140:]]
print(data.shape, "mean", data.mean(), "max", data.max())


def reg():
    return None if GOOD else regularizers.l1(1e-4)


inp = keras.Input((data.shape[1],))
noisy = layers.Dropout(0.1)(inp)
h = layers.Dense(96, activation="relu", activity_regularizer=reg())(noisy)
code = layers.Dense(32, activation="relu", activity_regularizer=reg(), name="code")(h)
h = layers.Dense(96, activation="relu", activity_regularizer=reg())(code)
out = layers.Dense(data.shape[1], activation="linear")(h)
sdae = keras.Model(inp, out)
encoder = keras.Model(inp, code)

sdae.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
sdae.fit(train, train, epochs=200, batch_size=20, verbose=0, shuffle=True)

emb = encoder.predict(data, verbose=0)
print("embedding: share of zeros", (emb == 0).mean(), "largest", np.abs(emb).max())


def explained(x):
    p = sdae.predict(x, verbose=0)
    base = ((x - train.mean(0)) ** 2).mean()
    return 1 - ((x - p) ** 2).mean() / base


print(f"RESULT {sys.argv[1]} train={explained(train):.3f} val={explained(test):.3f} "
      "(share of the variation of the matrix that is given back)")
