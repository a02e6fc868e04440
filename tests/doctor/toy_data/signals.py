"""Small signals for the programs: waves, watch and heart sensors, electrodes, electric load, spectra.

Nothing is scaled: that is up to the programs, because many of the bugs are there. Every function is seeded and
downloads nothing.
"""

import numpy as np

from doctor.toy_data.splits import split_at


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
    return split_at((x.astype("float32"), y), n_train)


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
    return split_at((x[..., None].astype("float32"), y), n_train)


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
    return split_at((x[..., None].astype("float32"), y), n_train)


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
    return split_at((x.astype("float32"), amounts.astype("float32")), n_train)
