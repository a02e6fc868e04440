"""Small data for the programs of this folder: nothing is downloaded and every function is seeded.

Images come as uint8 in 0..255 and class labels as integers, the way files on a disk give them: scaling and
encoding are the programs' business, as many of the bugs sit there.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits

Pair = tuple[np.ndarray, np.ndarray]


def split(x: np.ndarray, y: np.ndarray, n_train: int, n_val: int, seed: int) -> tuple[Pair, Pair]:
    """Training and validation part of a shuffled set; no example is in both."""
    order = np.random.default_rng(seed).permutation(len(x))
    train, val = order[:n_train], order[n_train : n_train + n_val]
    return (x[train], y[train]), (x[val], y[val])


def digits(size: int = 8, channels: int = 1, n_train: int = 1300, n_val: int = 400, seed: int = 0) -> tuple[Pair, Pair]:
    """Handwritten digits of scikit-learn, ten classes, enlarged to size x size x channels."""
    raw = load_digits()
    images = (raw.images * (255 / 16)).astype("uint8")
    if size != 8:
        images = np.stack([np.asarray(Image.fromarray(i).resize((size, size), Image.BILINEAR)) for i in images])
    images = np.repeat(images[..., None], channels, axis=-1)
    return split(images, raw.target.astype("int64"), n_train, n_val, seed)


def _mask(kind: int, dx: np.ndarray, dy: np.ndarray, r: float) -> np.ndarray:
    """Pixels covered by a shape of radius r, given the offsets from its centre."""
    distance = np.hypot(dx, dy)
    box = np.maximum(abs(dx), abs(dy))
    return (
        distance <= r,  # disc
        (box <= r) & (box >= r - 2),  # frame
        (box <= r) & ((abs(dx) <= 1.2) | (abs(dy) <= 1.2)),  # plus
        (box <= r) & (abs(abs(dx) - abs(dy)) <= 1.6),  # cross
        (box <= r) & (np.floor(dy + r) % 4 < 2),  # horizontal bars
        (dy <= 0.8 * r) & (dy >= 2 * abs(dx) - r),  # triangle
    )[kind]


def shapes(classes: int = 4, n_train: int = 900, n_val: int = 300, seed: int = 0, weights=None) -> tuple[Pair, Pair]:
    """Bright shapes on a dark noisy ground, 24x24x3: the outline tells the class, colour, place and size do not.

    `weights` are class shares of the training part; the validation part is always balanced.
    """
    rng = np.random.default_rng(seed)
    y_train = rng.choice(classes, n_train, p=weights)
    y = np.concatenate([y_train, rng.permutation(np.arange(n_val) % classes)]).astype("int64")
    yy, xx = np.mgrid[:24, :24]
    x = np.empty((len(y), 24, 24, 3), "uint8")
    for i, kind in enumerate(y):
        r = rng.uniform(5, 8)
        cx, cy = rng.uniform(8, 15, 2)
        inside = _mask(int(kind), xx - cx, yy - cy, r)[..., None]
        image = np.where(inside, rng.uniform(110, 220, 3), rng.uniform(10, 90, 3)) + rng.normal(0, 18, (24, 24, 3))
        x[i] = np.clip(image, 0, 250)
    return (x[:n_train], y[:n_train]), (x[n_train:], y[n_train:])


def discs(n_train: int = 900, n_val: int = 300, seed: int = 0) -> tuple[Pair, Pair]:
    """One bright disc on a dark noisy ground, 24x24x1; the targets are its centre and radius (x, y, r) in pixels."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    r = rng.uniform(2, 7, n)
    centre = rng.uniform(6, 18, (n, 2))
    yy, xx = np.mgrid[:24, :24]
    distance = np.hypot(xx - centre[:, 0, None, None], yy - centre[:, 1, None, None])
    x = np.where(distance <= r[:, None, None], 190, 40) + rng.normal(0, 15, (n, 24, 24))
    return split(
        np.clip(x, 0, 255).astype("uint8")[..., None], np.c_[centre, r].astype("float32"), n_train, n_val, seed
    )


def cells(n_train: int = 430, n_val: int = 139, seed: int = 0) -> tuple[Pair, Pair]:
    """Breast cancer table of scikit-learn: 30 raw features of very different size, two classes."""
    raw = load_breast_cancer()
    return split(raw.data.astype("float32"), raw.target.astype("int64"), n_train, n_val, seed)


def rings(classes: int = 3, n_train: int = 900, n_val: int = 300, seed: int = 0) -> tuple[Pair, Pair]:
    """Points of the plane in concentric rings, one ring a class: no straight line parts them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n_train + n_val)
    angle = rng.uniform(0, 2 * np.pi, len(y))
    r = 0.4 + 0.8 * y + rng.normal(0, 0.12, len(y))
    return split(np.c_[r * np.cos(angle), r * np.sin(angle)].astype("float32"), y, n_train, n_val, seed)


def prices(n_train: int = 900, n_val: int = 300, seed: int = 0) -> tuple[Pair, Pair]:
    """A table of eight features in 0..1 and a price around 200000 that depends on them in a curved way."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n_train + n_val, 8)).astype("float32")
    score = np.sin(np.pi * x[:, 0] * x[:, 1]) + 2 * (x[:, 2] - 0.5) ** 2 + x[:, 3] + 0.5 * x[:, 4]
    price = 90_000 * score + rng.normal(0, 6_000, len(x)) + 50_000
    return split(x, price.astype("float32")[:, None], n_train, n_val, seed)
