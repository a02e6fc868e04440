"""Seeded data of further kinds: sensor and heart signals, load curves, loans, topics, tags, spectra, dials, arrows.

As in the other modules nothing is scaled or encoded here, and every function gives training and validation part.
"""

import numpy as np


def _halves(arrays, n_train):
    """The first n_train rows of each array, and the others."""
    return tuple(a[:n_train] for a in arrays), tuple(a[n_train:] for a in arrays)


def gestures(length=40, n_train=900, n_val=300, seed=0):
    """Accelerometer of a watch in milli-g, length x 3: circle, shake, lift or double tap (4 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    t = np.arange(length)
    x = rng.normal(0, 60, (n, length, 3))
    x[:, :, 2] += 1000 + rng.normal(0, 40, (n, 1))
    for i, kind in enumerate(y):
        size = rng.uniform(500, 900)
        phase = rng.uniform(0, 2 * np.pi)
        start = rng.uniform(8, length - 14)
        if kind == 0:  # circle
            w = 2 * np.pi / rng.uniform(14, 20)
            x[i, :, 0] += size * np.sin(w * t + phase)
            x[i, :, 1] += size * np.cos(w * t + phase)
        elif kind == 1:  # shake
            x[i, :, 0] += 1.2 * size * np.sin(2 * np.pi / rng.uniform(4, 6) * t + phase)
        elif kind == 2:  # lift
            x[i, :, 2] += size * np.sin(np.clip((t - start) / 10, 0, 1) * 2 * np.pi)
        else:  # double tap
            for at in (start, start + rng.uniform(5, 8)):
                x[i, :, 2] += 1.6 * size * np.exp(-((t - at) ** 2) / 2)
    return _halves((x.astype("float32"), y), n_train)


def beats(length=64, n_train=900, n_val=300, seed=0):
    """One heart beat in millivolts, length x 1: normal, wide or with inverted T wave (3 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    t = np.arange(length)[None]

    def bump(at, width, height):
        return height * np.exp(-((t - at) ** 2) / (2 * width**2))

    at = rng.uniform(22, 30, (n, 1))
    height = rng.uniform(0.8, 1.3, (n, 1))
    wide = np.where(y[:, None] == 1, rng.uniform(2.8, 3.8, (n, 1)), rng.uniform(1.0, 1.5, (n, 1)))
    wave = np.where(y[:, None] == 2, -1, 1) * rng.uniform(0.2, 0.35, (n, 1))
    x = bump(at, wide, height) - bump(at + 3 * wide, wide, 0.3 * height) + bump(at + 20, 4.0, wave)
    x = x + bump(at - 12, 2.5, 0.15) + rng.normal(0, 0.05, (n, length)) + rng.normal(0, 0.05, (n, 1))
    return _halves((x[..., None].astype("float32"), y), n_train)


def loads(window=24, horizon=1, n_train=900, n_val=300, seed=0):
    """Hourly load of a small town in kW: windows of `window` hours x 1 and the `horizon` hours after; split in time."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n_train + n_val + 2 * (window + horizon))
    noise = np.zeros(len(hours))
    for i in range(1, len(hours)):
        noise[i] = 0.8 * noise[i - 1] + rng.normal(0, 12)
    load = 600 + 150 * np.sin(2 * np.pi * (hours - 7) / 24) + 60 * np.sin(4 * np.pi * hours / 24) + noise
    load += 70 * np.sin(2 * np.pi * hours / 168)

    def cut(start, n):
        at = start + np.arange(n)[:, None]
        x, y = load[at + np.arange(window)], load[at + window + np.arange(horizon)]
        return x[..., None].astype("float32"), y.astype("float32")

    return cut(0, n_train), cut(n_train + window + horizon, n_val)


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
    return _halves((np.c_[age, income, debt, months, late].astype("float32"), y), n_train)


def payments(share=0.04, n_train=1500, n_val=300, seed=0):
    """Ten standardised columns of card payments; `share` of the training part is fraud (1), validation is balanced."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = np.concatenate([rng.permutation(n_train) < round(share * n_train), rng.permutation(n_val) % 2]).astype("int64")
    x = rng.normal(0, 1, (n, 10))
    x[:, :4] += y[:, None] * np.array([1.2, -1.0, 0.9, 1.0])
    return _halves((x.astype("float32"), y), n_train)


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
    return _halves((x, y), n_train)


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
    return _halves((x, y), n_train)


def tags(size=20, n_train=900, n_val=300, seed=0):
    """Grey noisy images, uint8, with any of five marks anywhere: bar across, bar down, disc, ring, cross; multi-hot."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = (rng.random((n, 5)) < 0.4).astype("float32")
    yy, xx = np.mgrid[:size, :size]
    x = rng.normal(60, 12, (n, size, size))
    for i in range(n):
        for kind in np.flatnonzero(y[i]):
            cx, cy = rng.uniform(4, size - 5, 2)
            dx, dy = xx - cx, yy - cy
            r = np.hypot(dx, dy)
            mark = (
                abs(dy) <= 0.8,
                abs(dx) <= 0.8,
                r <= 2.6,
                (r <= 4) & (r >= 2.8),
                (abs(abs(dx) - abs(dy)) <= 0.8) & (r <= 4.5),
            )[kind]
            x[i][mark] = rng.uniform(150, 220)
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], y), n_train)


def spectra(length=48, n_train=900, n_val=300, seed=0):
    """Spectra of mixtures of three substances, each with two peaks; the targets are the three amounts (0 to 2)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    amounts = rng.uniform(0, 2, (n, 3))
    at = np.arange(length)
    pure = np.stack(
        [np.exp(-((at - a) ** 2) / 18) + 0.6 * np.exp(-((at - b) ** 2) / 8) for a, b in ((8, 30), (15, 40), (24, 35))]
    )
    light = amounts @ pure
    x = light / (1 + 0.15 * light) + rng.normal(0, 0.04, (n, length))  # the detector saturates a little
    return _halves((x.astype("float32"), amounts.astype("float32")), n_train)


def dials(size=20, n_train=900, n_val=300, seed=0):
    """Pictures of a round dial with a hand, uint8; the targets are sine and cosine of the hand's angle."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    angle = rng.uniform(0, 2 * np.pi, n)
    middle = (size - 1) / 2
    yy, xx = np.mgrid[:size, :size] - middle
    dx, dy = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along, across = xx * dx + yy * dy, abs(yy * dx - xx * dy)
    hand = (along > -1) & (along < 0.42 * size) & (across < 1.1)
    x = np.where(np.hypot(xx, yy) < 0.48 * size, 200, 90) * np.where(hand, 0.25, 1) + rng.normal(0, 10, hand.shape)
    return _halves(
        (np.clip(x, 0, 255).astype("uint8")[..., None], np.c_[np.sin(angle), np.cos(angle)].astype("float32")), n_train
    )


def arrows(size=20, n_train=900, n_val=300, seed=0):
    """Road signs with a bright arrow, uint8 size x size x 3: right, up, left, down (4 classes)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 4).astype("int64")
    yy, xx = np.mgrid[:size, :size]
    x = np.empty((n, size, size, 3), "uint8")
    for i, kind in enumerate(y):
        cx, cy = rng.uniform(0.4 * size, 0.6 * size, 2)
        turn = kind * np.pi / 2 + rng.normal(0, 0.08)
        u = (xx - cx) * np.cos(turn) - (yy - cy) * np.sin(turn)
        v = (xx - cx) * np.sin(turn) + (yy - cy) * np.cos(turn)
        shaft = (abs(v) < 1.2) & (u > -7) & (u < 2)
        head = (u >= 1) & (u <= 6) & (abs(v) <= 6 - u)
        image = np.where((shaft | head)[..., None], rng.uniform(190, 240, 3), rng.uniform(20, 110, 3))
        x[i] = np.clip(image + rng.normal(0, 15, image.shape), 0, 255)
    return _halves((x, y), n_train)


def stains(size=16, n_train=700, n_val=200, seed=0):
    """Grey images with one or two bright stains, uint8, and their masks (0 or 1), size x size x 1 both."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    yy, xx = np.mgrid[:size, :size]
    mask = np.zeros((n, size, size), bool)
    for i in range(n):
        for _ in range(rng.integers(1, 3)):
            cx, cy = rng.uniform(3, size - 4, 2)
            mask[i] |= np.hypot((xx - cx) / rng.uniform(0.8, 1.3), yy - cy) < rng.uniform(2, 3.8)
    x = np.where(mask, 140, 80) + rng.normal(0, 25, mask.shape) + rng.normal(0, 10, (n, 1, 1))
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], mask[..., None].astype("float32")), n_train)


def spirals(arms=2, turns=0.75, n_train=1000, n_val=300, noise=0.12, seed=0):
    """Points of the plane on `arms` spiral arms around the origin, one arm a class."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % arms).astype("int64")
    t = rng.uniform(0.25, 1, n)
    angle = 2 * turns * np.pi * t + 2 * np.pi * y / arms
    x = 2 * t[:, None] * np.c_[np.cos(angle), np.sin(angle)] + rng.normal(0, noise, (n, 2))
    return _halves((x.astype("float32"), y), n_train)


def parcels(size=16, n_train=900, n_val=300, seed=0):
    """Pictures of parcels (uint8) and their weight in kg; the class is the density: light, middle or heavy."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % 3).astype("int64")
    w, h = rng.uniform(4, 12, (2, n, 1, 1))
    yy, xx = np.mgrid[:size, :size]
    cx, cy = rng.uniform(6, size - 7, (2, n, 1, 1))
    box = (abs(xx - cx) <= w / 2) & (abs(yy - cy) <= h / 2)
    x = np.where(box, 190, 60) + rng.normal(0, 12, box.shape)
    density = np.array([0.06, 0.14, 0.3])[y] * np.exp(rng.normal(0, 0.12, n))
    weight = density * box.sum((1, 2))
    return _halves((np.clip(x, 0, 255).astype("uint8")[..., None], weight[:, None].astype("float32"), y), n_train)


def genes(columns=300, n_train=1500, n_val=300, seed=0):
    """Standardised activities of many genes; twelve of them decide about the illness (0 or 1)."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    x = rng.normal(0, 1, (n, columns))
    y = (x[:, :12].sum(1) + rng.normal(0, 0.5, n) > 0).astype("int64")
    return _halves((x.astype("float32"), y), n_train)
