"""
Source: keras-team/keras#9097 ("NaN loss when using euclidean distance for siamese network (due to K.sqrt)"),
https://github.com/keras-team/keras/issues/9097 (the reporter gives the change that works himself; the data are not described there,
signatures here).
Seen: a siamese net whose loss becomes nan.
CAUSE: the distance of the two branches is a plain square root; where the two inputs of a pair are the same picture it is 0 and its derivative is infinite.
FIX: add a small number (0.01) under the root.
"""
import sys
import numpy as np
import keras
from keras import layers, ops

GOOD = sys.argv[1] == "good"
keras.utils.set_random_seed(17)
rng = np.random.default_rng(17)

H, W = 32, 56


class Writer:
    def __init__(self):
        self.n = rng.integers(5, 8)
        self.y = rng.uniform(7, 25, self.n)
        self.x = np.linspace(6, 50, self.n) + rng.uniform(-3, 3, self.n)
        self.loop = rng.uniform(-6, 6)

    def sign(self, shake=0.5):
        t = np.linspace(0, self.n - 1, 160)
        px = np.interp(t, np.arange(self.n), self.x + rng.normal(0, shake, self.n))
        py = np.interp(t, np.arange(self.n), self.y + rng.normal(0, shake, self.n))
        py = py + self.loop * np.sin(t * 3)
        img = np.zeros((H, W, 1), "float32")
        r = np.clip(np.round(py).astype(int), 0, H - 1)
        c = np.clip(np.round(px).astype(int), 0, W - 1)
        for dr in (0, 1):
            img[np.clip(r + dr, 0, H - 1), c, 0] = 1.0
        return img


def signature_sets(n_writers, each=8):
    return [np.stack([w.sign() for _ in range(each)]) for w in (Writer() for _ in range(n_writers))]


def make_pairs(sets, n):
    left, right, label = [], [], []
    for i in range(n):
        w = rng.integers(len(sets))
        if i % 2:
            a, b = rng.integers(0, len(sets[w]), 2)
            left.append(sets[w][a]), right.append(sets[w][b]), label.append(1.0)
        else:
            v = (w + rng.integers(1, len(sets))) % len(sets)
            left.append(sets[w][rng.integers(len(sets[w]))])
            right.append(sets[v][rng.integers(len(sets[v]))])
            label.append(0.0)
    order = rng.permutation(n)
    return np.array(left)[order], np.array(right)[order], np.array(label, "float32")[order]


def euclidean_distance(vects):
    x, y = vects
    squared = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    if GOOD:
        squared = squared + 0.01
    return ops.sqrt(squared)


def create_base_network():
    seq = keras.Sequential(name="base")
    seq.add(layers.Input((H, W, 1)))
    seq.add(layers.Conv2D(12, 5, activation="relu"))
    seq.add(layers.MaxPooling2D())
    seq.add(layers.Conv2D(24, 3, activation="relu"))
    seq.add(layers.MaxPooling2D())
    seq.add(layers.Flatten())
    seq.add(layers.Dense(64, activation="relu"))
    seq.add(layers.Dense(32))
    return seq


base = create_base_network()
input_a, input_b = keras.Input((H, W, 1)), keras.Input((H, W, 1))
distance = layers.Lambda(euclidean_distance, output_shape=(1,))([base(input_a), base(input_b)])
same = layers.Dense(1, activation="sigmoid")(distance)
model = keras.Model([input_a, input_b], same)

everything = signature_sets(100, each=12)
sets, val_sets = [s[:8] for s in everything], [s[8:] for s in everything]
a, b, y = make_pairs(sets, 1800)
va, vb, vy = make_pairs(val_sets, 500)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(1e-3))
model.fit([a, b], y, batch_size=64, epochs=11, validation_data=([va, vb], vy), verbose=2)


def in_order(a, b, y):
    p = model.predict([a, b], verbose=0)[:, 0]
    return (p[y == 1][:, None] > p[y == 0][None]).mean()


print("RESULT %s train=%.3f val=%.3f (a same pair rated above a different one; val: other signatures of the same writers)" % (
    sys.argv[1], in_order(a, b, y), in_order(va, vb, vy)))
