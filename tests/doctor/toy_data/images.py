"""Small images for the programs: digits, shapes, surfaces, signs, scenes, scans, some with rows of numbers beside them.

They are uint8 in 0..255 (`scans` has 16 bits) and labels are integers, as files on a disk give them: scaling and
encoding are up to the programs, because many of the bugs are there. Every function is seeded and downloads nothing.
"""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from doctor.toy_data.splits import Pair, split, split_at


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


def textures(classes=4, size=16, channels=3, n_train=900, n_val=300, seed=0):
    """Noisy gratings, uint8; the direction of the stripes is the class, their phase, width and colour are not."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % classes).astype("int64")
    angle = (np.pi * y / classes + rng.normal(0, 0.08, n))[:, None, None]
    yy, xx = np.mgrid[:size, :size]
    wave = np.sin(
        2 * np.pi / rng.uniform(3.5, 6, n)[:, None, None] * (xx * np.cos(angle) + yy * np.sin(angle))
        + rng.uniform(0, 2 * np.pi, n)[:, None, None]
    )
    colour = rng.uniform(30, 60, (n, 1, 1, channels))
    x = 120 + colour * wave[..., None] + rng.normal(0, 20, (n, size, size, channels))
    x = np.clip(x, 0, 255).astype("uint8")
    return (x[:n_train], y[:n_train]), (x[n_train:], y[n_train:])


def surfaces(share=0.5, size=20, n_train=900, n_val=300, seed=0):
    """Grey rough surfaces, uint8; class 1 has a bright scratch. `share` is the share of class 1 in training."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y_train = (rng.permutation(n_train) < round(share * n_train)).astype("int64")
    y = np.concatenate([y_train, rng.permutation(np.arange(n_val) % 2)]).astype("int64")
    x = rng.normal(100, 22, (n, size, size)) + rng.normal(0, 12, (n, 1, 1))
    yy, xx = np.mgrid[:size, :size]
    angle, cx, cy = rng.uniform(0, np.pi, n), rng.uniform(5, size - 5, n), rng.uniform(5, size - 5, n)
    for i in np.flatnonzero(y):
        along = (xx - cx[i]) * np.cos(angle[i]) + (yy - cy[i]) * np.sin(angle[i])
        across = -(xx - cx[i]) * np.sin(angle[i]) + (yy - cy[i]) * np.cos(angle[i])
        x[i] += 75 * ((abs(across) < 0.9) & (abs(along) < 6))
    x = np.clip(x, 0, 255).astype("uint8")[..., None]
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
    return split_at(
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
    return split_at((x, y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], mask[..., None].astype("float32")), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8"), mask[..., None]), n_train)


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
    return split_at((np.clip(x, 0, 65535).astype("uint16")[..., None], y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8"), y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], names), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], place, y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], weight[:, None].astype("float32"), y), n_train)


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
    return split_at((np.clip(x, 0, 255).astype("uint8")[..., None], y), n_train)
