"""Small tables for the programs: medical, financial, soil and weather rows, ratings, points of the plane, graphs.

Nothing is scaled or encoded: that is up to the programs, because many of the bugs are there. Every function is seeded
and downloads nothing.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

from doctor.toy_data.splits import Pair, split, split_at


def cells(n_train: int = 430, n_val: int = 139, seed: int = 0) -> tuple[Pair, Pair]:
    """Breast cancer table of scikit-learn: 30 raw features of very different size, two classes."""
    raw = load_breast_cancer()
    return split(raw.data.astype("float32"), raw.target.astype("int64"), n_train, n_val, seed)


def prices(n_train: int = 900, n_val: int = 300, seed: int = 0) -> tuple[Pair, Pair]:
    """A table of eight features in 0..1 and a price around 200000 that depends on them in a curved way."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n_train + n_val, 8)).astype("float32")
    score = np.sin(np.pi * x[:, 0] * x[:, 1]) + 2 * (x[:, 2] - 0.5) ** 2 + x[:, 3] + 0.5 * x[:, 4]
    price = 90_000 * score + rng.normal(0, 6_000, len(x)) + 50_000
    return split(x, price.astype("float32")[:, None], n_train, n_val, seed)


def loans(n_train=1000, n_val=300, seed=0):
    """Table of loans: age, income, debt (both with a long tail), months employed, late payments; 1 = not paid back."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    age = rng.uniform(20, 75, n)
    income = np.exp(rng.normal(10.4, 0.6, n))
    debt = np.exp(rng.normal(9.0, 0.9, n))
    months = rng.gamma(2, 30, n)
    late = rng.poisson(1.2, n)
    score = 1.6 * (np.log(debt / income) + 1.4) + 0.9 * (late - 1.2) - 0.01 * (months - 60) - ((age - 47) / 16) ** 2 + 1
    y = (score + rng.normal(0, 0.4, n) > 0).astype("int64")
    return split_at((np.c_[age, income, debt, months, late].astype("float32"), y), n_train)


def payments(share=0.04, n_train=1500, n_val=300, seed=0):
    """Ten standardised columns of card payments; `share` of the training part is fraud (1), validation is balanced."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = np.concatenate([rng.permutation(n_train) < round(share * n_train), rng.permutation(n_val) % 2]).astype("int64")
    x = rng.normal(0, 1, (n, 10))
    x[:, :4] += y[:, None] * np.array([1.2, -1.0, 0.9, 1.0])
    return split_at((x.astype("float32"), y), n_train)


def accounts(n_train=1500, n_val=300, seed=0):
    """Accounts: yearly income, yearly instalments, age, number of cards; 1 = overdrawn. Some have no income at all."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    income = np.exp(rng.normal(10.3, 0.5, n))
    income[rng.random(n) < 0.01] = 0
    instalments = np.exp(rng.normal(8.9, 0.8, n))
    age = rng.uniform(20, 70, n)
    cards = rng.poisson(2, n)
    ratio = np.log(instalments / np.maximum(income, 3000))
    score = 1.5 * (ratio + 1.4) + 0.5 * (cards - 2) - ((age - 45) / 18) ** 2 + 0.6
    y = (score + rng.normal(0, 0.3, n) > 0).astype("int64")
    return split_at((np.c_[income, instalments, age, cards].astype("float32"), y), n_train)


def genes(columns=300, n_train=1500, n_val=300, seed=0):
    """Standardised activities of many genes; twelve of them decide about the illness (0 or 1)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    x = rng.normal(0, 1, (n, columns))
    y = (x[:, :12].sum(1) + rng.normal(0, 0.5, n) > 0).astype("int64")
    return split_at((x.astype("float32"), y), n_train)


def soils(missing=0.04, n_train=1100, n_val=300, seed=0):
    """Soil samples: acidity, clay in %, nitrogen in mg/kg, moisture in %, four kinds; some training values are NaN."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    middle = np.array([[5.2, 20, 900, 30], [6.8, 45, 1600, 22], [5.9, 12, 2100, 14], [7.4, 30, 1100, 40]])
    x = middle[y] + rng.normal(0, 1, (n, 4)) * np.array([0.55, 7, 260, 6])
    lost = rng.random((n, 4)) < missing / 2
    lost[n_train:] = False
    x[lost] = np.nan
    return split_at((x.astype("float32"), y), n_train)


def weather(n_train=1200, n_val=300, seed=0):
    """Temperature, wind and hour of a whole year; the target is the heat demand in kW. Validation: cool days only."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    temperature = np.concatenate([rng.uniform(-15, 35, n_train), rng.uniform(-2, 14, n_val)])
    wind = np.concatenate([rng.uniform(0, 20, n_train), rng.uniform(0, 9, n_val)])
    hour = rng.integers(0, 24, n)
    demand = 30 * np.maximum(18 - temperature, 0) * (1 + 0.04 * wind) + 60 * np.sin(2 * np.pi * hour / 24) + 100
    x = np.c_[temperature, wind, hour].astype("float32")
    return split_at((x, (demand + rng.normal(0, 15, n))[:, None].astype("float32")), n_train)


def ratings(users=60, films=40, n_train=1700, n_val=400, seed=0):
    """Pairs of user and film number and the rating from 1 to 5 (in tenths), from three hidden tastes; no pair twice."""
    rng = np.random.default_rng(seed)
    pairs = np.stack(np.meshgrid(np.arange(users), np.arange(films)), -1).reshape(-1, 2)
    pairs = pairs[rng.permutation(len(pairs))[: n_train + n_val]]
    u, f = rng.normal(0, 1, (users, 3)), rng.normal(0, 1, (films, 3))
    score = 3 + 0.55 * (u[pairs[:, 0]] * f[pairs[:, 1]]).sum(1) + rng.normal(0, 0.1, len(pairs))
    return split_at((pairs.astype("int32"), np.clip(score, 1, 5)[:, None].astype("float32")), n_train)


def rings(classes: int = 3, n_train: int = 900, n_val: int = 300, seed: int = 0) -> tuple[Pair, Pair]:
    """Points of the plane in concentric rings, one ring a class: no straight line parts them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n_train + n_val)
    angle = rng.uniform(0, 2 * np.pi, len(y))
    r = 0.4 + 0.8 * y + rng.normal(0, 0.12, len(y))
    return split(np.c_[r * np.cos(angle), r * np.sin(angle)].astype("float32"), y, n_train, n_val, seed)


def spirals(arms=2, turns=0.75, n_train=1000, n_val=300, noise=0.12, seed=0):
    """Points of the plane on `arms` spiral arms around the origin, one arm a class."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % arms).astype("int64")
    t = rng.uniform(0.25, 1, n)
    angle = 2 * turns * np.pi * t + 2 * np.pi * y / arms
    x = 2 * t[:, None] * np.c_[np.cos(angle), np.sin(angle)] + rng.normal(0, noise, (n, 2))
    return split_at((x.astype("float32"), y), n_train)


def graphs(nodes=16, n_train=900, n_val=300, seed=0):
    """Adjacency matrices (about eight neighbours a node) and features; like, unlike or any nodes link (3 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    kind = np.stack([rng.permutation(np.arange(nodes) % 2) for _ in range(n)])
    same = kind[:, :, None] == kind[:, None, :]
    chance = np.stack([np.where(same, 0.75, 0.3), np.where(same, 0.3, 0.75), np.full(same.shape, 0.52)])
    a = np.triu(rng.random((n, nodes, nodes)) < chance[y, np.arange(n)], 1)
    a = (a | a.transpose(0, 2, 1)).astype("float32")
    x = np.stack([kind, 1 - kind], -1) - 0.5 + rng.normal(0, 0.15, (n, nodes, 2))
    return split_at((x.astype("float32"), a, y), n_train)
