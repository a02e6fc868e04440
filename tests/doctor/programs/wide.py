"""Still more seeded data: deep scans, leaves, currents, scenes, soils, weather, logs, orders, ratings, views, graphs.

As in the other modules nothing is scaled or encoded here, and every function gives training and validation part.
"""

import numpy as np


def _halves(arrays, n_train):
    """The first n_train rows of each array, and the others."""
    return tuple(a[:n_train] for a in arrays), tuple(a[n_train:] for a in arrays)


def scans(size=24, n_train=900, n_val=300, seed=0):
    """Medical images of 16 bits, uint16 size x size x 1, with a solid, a hollow or a long bright spot (3 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    yy, xx = np.mgrid[:size, :size]
    x = 14000 + rng.normal(0, 2500, (n, size, size)) + rng.normal(0, 1500, (n, 1, 1))
    for i, kind in enumerate(y):
        cx, cy = rng.uniform(7, size - 8, 2)
        turn = rng.uniform(0, np.pi)
        u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
        v = -(xx - cx) * np.sin(turn) + (yy - cy) * np.cos(turn)
        r = np.hypot(u, v)
        spot = (r < 4.2, (r < 5.2) & (r > 3), (abs(u) < 7) & (abs(v) < 1.5))[kind]
        x[i] += spot * rng.uniform(16000, 26000)
    return _halves((np.clip(x, 0, 65535).astype("uint16")[..., None], y), n_train)


def leaves(size=16, n_train=900, n_val=300, seed=0):
    """Grey pictures of a leaf (uint8), height in m and rain in mm of its place; four plants by shape and place."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    broad, high = y % 2, y // 2
    yy, xx = np.mgrid[:size, :size]
    cx, cy = rng.uniform(6, size - 7, (2, n, 1, 1))
    turn = rng.uniform(0, np.pi, (n, 1, 1))
    u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
    v = -(xx - cx) * np.sin(turn) + (yy - cy) * np.cos(turn)
    length = np.where(broad, 4.4, 6.5)[:, None, None] * rng.uniform(0.9, 1.1, (n, 1, 1))
    width = np.where(broad, 3.8, 1.7)[:, None, None] * rng.uniform(0.9, 1.1, (n, 1, 1))
    leaf = (u / length) ** 2 + (v / width) ** 2 < 1
    x = np.where(leaf, 70, 190) + rng.normal(0, 15, leaf.shape)
    height = np.where(high, 1900, 900) + rng.normal(0, 260, n)
    rain = rng.uniform(500, 2200, n)
    place = np.c_[height + 0.3 * (rain - 1350), rain].astype("float32")
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], place, y), n_train)


def currents(length=40, n_train=900, n_val=300, seed=0):
    """Currents through an electrode in ampere (some millionths), length x 1: spike, step or oscillation (3 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    t = np.arange(length)[None]
    at = rng.uniform(8, 26, (n, 1))
    kinds = np.stack(
        [
            2.2 * np.exp(-((t - at) ** 2) / 6),
            1.0 / (1 + np.exp(-(t - at) * 2)),
            np.sin(2 * np.pi * (t - at) / rng.uniform(5, 9, (n, 1))),
        ]
    )
    x = kinds[y, np.arange(n)] * rng.uniform(0.7, 1.3, (n, 1)) * rng.choice([-1, 1], (n, 1))
    x = 1.5e-6 * (x + rng.normal(0, 0.15, x.shape))
    return _halves((x[..., None].astype("float32"), y), n_train)


def scenes(size=20, void=False, n_train=700, n_val=200, seed=0):
    """Coloured scenes (uint8) and masks of class numbers, size x size x 1: 0 ground, 1 disc, 2 square.

    With `void` the outlines of the things carry the number 255, as those of Pascal VOC and Cityscapes do.
    """
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    yy, xx = np.mgrid[:size, :size]
    mask = np.zeros((n, size, size), "int32")
    for i in range(n):
        for kind, x0, x1 in ((1, 4, size // 2 - 3), (2, size // 2 + 3, size - 5)):
            cx, cy, r = rng.uniform(x0, x1), rng.uniform(5, size - 6), rng.uniform(3, 4.8)
            if rng.random() < 0.5:
                cx = size - 1 - cx
            far = np.hypot(xx - cx, yy - cy) if kind == 1 else np.maximum(abs(xx - cx), abs(yy - cy)) * 1.1
            mask[i][far <= r] = kind
            if void:
                mask[i][abs(far - r) < 0.5] = 255
    colours = np.array([[110, 120, 90], [190, 110, 80], [80, 130, 190]])
    x = colours[np.where(mask == 255, 0, mask)] + rng.normal(0, 32, (n, size, size, 3))
    x = x + rng.normal(0, 10, (n, 1, 1, 3))
    return _halves((np.clip(x, 0, 255).astype("uint8"), mask[..., None]), n_train)


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
    return _halves((x.astype("float32"), y), n_train)


def weather(n_train=1200, n_val=300, seed=0):
    """Temperature, wind and hour of a whole year; the target is the heat demand in kW. Validation: cool days only."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    temperature = np.concatenate([rng.uniform(-15, 35, n_train), rng.uniform(-2, 14, n_val)])
    wind = np.concatenate([rng.uniform(0, 20, n_train), rng.uniform(0, 9, n_val)])
    hour = rng.integers(0, 24, n)
    demand = 30 * np.maximum(18 - temperature, 0) * (1 + 0.04 * wind) + 60 * np.sin(2 * np.pi * hour / 24) + 100
    x = np.c_[temperature, wind, hour].astype("float32")
    return _halves((x, (demand + rng.normal(0, 15, n))[:, None].astype("float32")), n_train)


def logs(length=12, kinds=20, n_train=1200, n_val=300, seed=0):
    """Logs of a machine as numbers of events; 1 if event 1 comes before event 2 (each occurs once), else 0."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 2).astype("int64")
    x = rng.integers(3, kinds, (n, length))
    for i in range(n):
        early, late = np.sort(rng.permutation(length)[:2])
        x[i, early], x[i, late] = (1, 2) if y[i] else (2, 1)
    return _halves((x.astype("int32"), y), n_train)


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
    return _halves((x.astype("int32"), tag), n_train)


def ratings(users=60, films=40, n_train=1700, n_val=400, seed=0):
    """Pairs of user and film number and the rating from 1 to 5 (in tenths), from three hidden tastes; no pair twice."""
    rng = np.random.default_rng(seed)
    pairs = np.stack(np.meshgrid(np.arange(users), np.arange(films)), -1).reshape(-1, 2)
    pairs = pairs[rng.permutation(len(pairs))[: n_train + n_val]]
    u, f = rng.normal(0, 1, (users, 3)), rng.normal(0, 1, (films, 3))
    score = 3 + 0.55 * (u[pairs[:, 0]] * f[pairs[:, 1]]).sum(1) + rng.normal(0, 0.1, len(pairs))
    return _halves((pairs.astype("int32"), np.clip(score, 1, 5)[:, None].astype("float32")), n_train)


def views(count=4, size=12, n_train=900, n_val=300, seed=0):
    """Parts from `count` sides, uint8, count x size x size x 1; one side has a bar, a disc or a frame (the class)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    yy, xx = np.mgrid[:size, :size]
    x = rng.normal(80, 18, (n, count, size, size))
    for i, kind in enumerate(y):
        cx, cy = rng.uniform(4, size - 5, 2)
        box = np.maximum(abs(xx - cx), abs(yy - cy))
        mark = (abs(yy - cy) < 1.1, np.hypot(xx - cx, yy - cy) < 2.8, (box < 3.6) & (box > 2.2))[kind]
        x[i, rng.integers(0, count)][mark] += 90
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], y), n_train)


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
    return _halves((x.astype("float32"), a, y), n_train)


def fruits(size=20, n_train=900, n_val=300, seed=0):
    """Pictures of a round fruit, uint8 size x size x 3; its colour is the class: green, yellow, red or violet."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    yy, xx = np.mgrid[:size, :size]
    cx, cy = rng.uniform(6, size - 7, (2, n, 1, 1))
    inside = np.hypot(xx - cx, yy - cy) < rng.uniform(3.5, 6, (n, 1, 1))
    colour = np.array([[90, 180, 70], [200, 190, 60], [200, 60, 60], [140, 70, 190]])[y] + rng.normal(0, 18, (n, 3))
    ground = rng.uniform(90, 170, (n, 1)) + rng.normal(0, 8, (n, 3))
    x = np.where(inside[..., None], colour[:, None, None], ground[:, None, None])
    x = (x + rng.normal(0, 15, x.shape)) * rng.uniform(0.8, 1.1, (n, 1, 1, 1))
    return _halves((np.clip(x, 0, 255).astype("uint8"), y), n_train)


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
    return _halves((np.c_[income, instalments, age, cards].astype("float32"), y), n_train)


def named_shapes(size=16, n_train=900, n_val=300, seed=0):
    """Grey images, uint8, of a disc or a square, and their names as a file of HDF5 gives them: b"disc", b"square"."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 2)
    yy, xx = np.mgrid[:size, :size]
    cx, cy = rng.uniform(5, size - 6, (2, n, 1, 1))
    r = rng.uniform(3, 5, (n, 1, 1))
    disc = np.hypot(xx - cx, yy - cy) < 1.1 * r
    square = np.maximum(abs(xx - cx), abs(yy - cy)) < r
    x = np.where(np.where(y[:, None, None] == 0, disc, square), 180, 70) + rng.normal(0, 15, (n, size, size))
    names = np.array([b"disc", b"square"])[y]
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], names), n_train)
