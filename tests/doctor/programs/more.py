"""More small seeded data for the programs: gratings, signals, scratched surfaces, token lists."""

import numpy as np


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


def waves(classes=3, length=48, n_train=900, n_val=300, seed=0):
    """Signals of length x 1 around zero: sine, square, saw tooth or pulse train, any phase and period."""
    rng = np.random.default_rng(seed)
    n = n_train + n_val
    y = rng.permutation(np.arange(n) % classes).astype("int64")
    t = (np.arange(length) / rng.uniform(10, 16, n)[:, None] + rng.uniform(0, 1, n)[:, None]) % 1
    kinds = np.stack(
        [1.2 * np.sin(2 * np.pi * t), np.where(t < 0.5, 1.0, -1.0), 3 * t - 1.5, np.where(t < 0.15, 2, -0.4)]
    )
    x = kinds[y, np.arange(n)] * rng.uniform(0.7, 1.2, (n, 1)) + rng.normal(0, 0.15, (n, length))
    x = x[..., None].astype("float32")
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
