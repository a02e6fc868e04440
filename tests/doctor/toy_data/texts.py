"""Small texts for the programs, as numbers of words or events and as bytes; one seeded function for each set."""

import numpy as np

from doctor.toy_data.splits import split_at


def reviews(length=16, vocabulary=120, n_train=900, n_val=300, seed=0):
    """Lists of word numbers: class 1 if words 2..31 are more frequent than words 32..61; the others mean nothing."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.integers(0, 2, n)
    x = rng.integers(62, vocabulary, (n, length))
    for i in range(n):
        places = rng.permutation(length)[:7]
        good = rng.integers(2, 32, 7)
        bad = rng.integers(32, 62, 7)
        x[i, places] = np.where(np.arange(7) < (6 if y[i] else 1), good, bad)
    x, y = x.astype("int32"), y.astype("int64")
    return (x[:n_train], y[:n_train]), (x[n_train:], y[n_train:])


def topics(length=20, words=30, common=80, own=5, n_train=900, n_val=300, seed=0):
    """Articles as word numbers, padded with 0 at the end; four topics with `words` words each among common ones."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    x = np.zeros((n, length), "int32")
    for i in range(n):
        k = rng.integers(12, length + 1)
        x[i, :k] = rng.integers(1 + 4 * words, 1 + 4 * words + common, k)
        places = rng.permutation(k)
        x[i, places[:own]] = 1 + words * y[i] + rng.integers(0, words, own)
        x[i, places[own]] = 1 + words * rng.integers(0, 4) + rng.integers(0, words)
    return split_at((x, y), n_train)


def comments(n_train=900, n_val=300, seed=0):
    """Comments as lists of bytes, the way data sets of TensorFlow give text; 1 = a praising one."""
    rng = np.random.default_rng(seed)
    good = [
        "good",
        "great",
        "fine",
        "lovely",
        "superb",
        "brilliant",
        "funny",
        "moving",
        "clever",
        "charming",
        "warm",
        "fresh",
    ]
    bad = ["bad", "awful", "poor", "dull", "boring", "weak", "silly", "slow", "flat", "clumsy", "cold", "stale"]
    other = [
        "the",
        "a",
        "film",
        "plot",
        "actor",
        "scene",
        "was",
        "is",
        "it",
        "and",
        "but",
        "very",
        "story",
        "end",
        "this",
        "music",
        "with",
        "in",
        "of",
        "we",
    ]
    x, y = [], rng.integers(0, 2, n_train + n_val).astype("int64")
    for label in y:
        text = list(rng.choice(other, 9))
        for kind in (label, label, label, 1 - label if rng.random() < 0.5 else label):
            text.insert(int(rng.integers(0, len(text) + 1)), str(rng.choice(good if kind else bad)))
        x.append([word.encode() for word in text])
    return split_at((x, y), n_train)


def logs(length=12, kinds=20, n_train=1200, n_val=300, seed=0):
    """Logs of a machine as numbers of events; 1 if event 1 comes before event 2 (each occurs once), else 0."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 2).astype("int64")
    x = rng.integers(3, kinds, (n, length))
    for i in range(n):
        early, late = np.sort(rng.permutation(length)[:2])
        x[i, early], x[i, late] = (1, 2) if y[i] else (2, 1)
    return split_at((x.astype("int32"), y), n_train)


def orders(length=14, n_train=700, n_val=200, seed=0):
    """Orders as word numbers and a tag for each word: 0 other, 1 number, 2 ware (a ware only right after a number)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    x = rng.integers(30, 60, (n, length))
    tag = np.zeros((n, length), "int64")
    for i in range(n):
        at = int(rng.integers(0, 3))
        while at < length - 1:
            if rng.random() < 0.75:
                x[i, at], x[i, at + 1] = rng.integers(1, 10), rng.integers(10, 30)
                tag[i, at], tag[i, at + 1] = 1, 2
            else:  # a ware without a number is not ordered
                x[i, at] = rng.integers(10, 30)
                at -= 1
            at += int(rng.integers(2, 4))
    return split_at((x.astype("int32"), tag), n_train)
