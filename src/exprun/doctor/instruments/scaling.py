"""Whether two samples of inputs have been scaled in the same way."""

from collections.abc import Callable

import numpy as np

FLOOR = 1e-3  # standard deviation that is added to that of each channel, in units of the largest one
MIN_ROWS = 30  # with fewer rows of either split, a comparison of columns proves nothing
EXACT = 1e-4  # relative difference below which two samples do not agree by chance
NEAR = 0.2  # difference from mean 0 and deviation 1 of training columns that a scaler has standardised
SAMPLE = 8  # images from which on their mean and deviation say how they were scaled
SIGNED = 0.1  # share of negative values from which on a sample without any was scaled differently
ENOUGH = 1000  # values that show whether there are negative ones
SOME = 0.5  # share of images that may have the norm or the range of normalised ones by their nature
NORMALISED: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of rows, (rows, values): which of them are normalised
    "norm 1": lambda rows: np.abs(np.linalg.norm(rows, axis=1) - 1) < 10 * EXACT,
    "sum 1": lambda rows: np.abs(rows.sum(1) - 1) < 10 * EXACT,
    "mean 0 and standard deviation 1": lambda rows: np.abs(rows.mean(1)) + np.abs(rows.std(1) - 1) < 10 * EXACT,
    "minimum 0 and maximum 1": lambda rows: np.abs(rows.min(1)) + np.abs(rows.max(1) - 1) < 10 * EXACT,
}
FAR = 10.0  # deviations from the mean at which single rows lie outside of the training rows


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and standard deviation of each channel of images; of all values together for other inputs."""
    channels = x.shape[-1] if x.ndim == 4 and x.shape[-1] <= 4 else 1
    values = np.ascontiguousarray(x.reshape(-1, channels).T)  # in this order, the sums take half of the time
    return values.mean(1, dtype=np.float64), values.std(1, dtype=np.float64)


def gaps(trained: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How far two samples differ in each channel.

    Args:
        trained: the moments of training inputs.
        other: the moments of other inputs.

    Returns:
        The logarithm of the ratio of their standard deviations, and the difference of their means in units of the
        standard deviation of `trained`, both (channels,) and not negative.
    """
    (mean, spread), (other_mean, other_spread) = trained, other
    floor = FLOOR * max(float(spread.max()), np.finfo(np.float64).tiny)
    return np.abs(np.log((other_spread + floor) / (spread + floor))), np.abs(other_mean - mean) / (spread + floor)


def refitted(trained: np.ndarray, other: np.ndarray) -> tuple[list[int], bool] | None:
    """The columns of two tables that show that a scaler was fitted on each of them.

    Args:
        trained: the training rows, (rows, columns).
        other: all rows of another split, (other rows, columns).

    Returns:
        The columns of continuous numbers, and whether they have exactly the same range in both tables, rather than
        mean 0 and standard deviation 1; None if nothing shows it.
    """
    if trained.ndim != 2 or other.ndim != 2 or min(len(trained), len(other)) < MIN_ROWS:
        return None
    if trained.shape[1] != other.shape[1] or not (np.isfinite(trained).all() and np.isfinite(other).all()):
        return None
    many = [c for c in range(trained.shape[1]) if all(len(np.unique(x[:, c])) > len(x) / 2 for x in (trained, other))]
    if not many or np.array_equal(trained, other):
        return None
    trained, other = trained[:, many].astype(np.float64), other[:, many].astype(np.float64)
    width = np.ptp(trained, axis=0)
    # If several rows have the lowest or highest value, the column was clipped there.
    single = all(((x == end).sum(0) == 1).all() for x in (trained, other) for end in (x.min(0), x.max(0)))
    ends = [np.abs(end(trained, axis=0) - end(other, axis=0)) < EXACT * width for end in (np.min, np.max)]
    same_range = len(many) > 1 and single and bool(np.all(ends))
    unit = bool((np.abs(other.mean(0)) < EXACT).all() and (np.abs(other.std(0) - 1) < EXACT).all())
    near = bool((np.abs(trained.mean(0)) < NEAR).all() and (np.abs(trained.std(0) - 1) < NEAR).all())
    return (many, same_range) if same_range or (unit and near) else None


def have_common(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two tables have rows in common.

    Args:
        one: rows, (rows, columns).
        two: other rows, (other rows, columns).
    """
    rows = [{row.tobytes() for row in np.ascontiguousarray(table, np.float32)} for table in (one, two)]
    return not rows[0].isdisjoint(rows[1])


def of_each_row(x: np.ndarray, other: np.ndarray) -> str:
    """What a normalisation of each row on its own has made equal in one of two samples only; empty if nothing is.

    Args:
        x: inputs, (images, …), all of which are equal in this.
        other: other inputs, (other images, …), most of which are not.
    """
    rows, others = (some.reshape(len(some), -1) for some in (x, other))
    if min(len(rows), len(others)) < SAMPLE or rows.shape[1] < 3:
        return ""
    # The first rows alone show of most data that nothing is equal in all rows.
    tests = {name: test for name, test in NORMALISED.items() if test(rows[:SAMPLE].astype(np.float64)).all()}
    if not tests or len(np.unique(rows, axis=0)) < SAMPLE:
        return ""
    rows, others = rows.astype(np.float64), others.astype(np.float64)
    if np.ptp(np.sort(rows, axis=1), axis=0).max() < EXACT:  # the same values in another order, such as one-hot rows
        return ""
    pairs = ((name, test(rows), test(others)) for name, test in tests.items())
    return next((name for name, mine, theirs in pairs if mine.all() and theirs.mean() < SOME), "")


def is_far(trained: np.ndarray, other: np.ndarray) -> bool:
    """Whether single rows or images were scaled differently, which may have any mean of their own.

    Args:
        trained: training inputs, (images, …).
        other: a few other inputs, (other images, …).
    """
    if trained.ndim == 2:
        if trained.shape[1] < 2:
            return False  # a person may ask for a value far away
        mean, spread = trained.mean(0, dtype=np.float64), trained.std(0, dtype=np.float64)
        known = spread > 0
        outside = np.abs(other - mean)[:, known] > FAR * spread[known]
        return bool(known.any() and outside.mean() > 0.5)
    largest, most = (float(np.abs(x).max()) for x in (trained, other))
    return most > FAR * largest or (most * 5 * FAR < largest and float(np.ptp(other)) > 0)


def is_unsigned(trained: np.ndarray, other: np.ndarray) -> bool:
    """Whether only one of two samples of images has negative values, and many of them."""
    if trained.ndim != 4 or len(other) < SAMPLE or min(trained.size, other.size) < ENOUGH:
        return False
    shares = [float((x < 0).mean()) for x in (trained, other)]
    return min(shares) == 0 and max(shares) > SIGNED
