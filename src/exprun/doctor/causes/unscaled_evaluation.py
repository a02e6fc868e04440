"""unscaled-evaluation: inputs that are scaled differently in evaluation and in training."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.text import plural

CAUSE = Cause(
    id="unscaled-evaluation",
    why="A network only works on inputs that are scaled like those it was trained on.",
    source="Humbatova et al. 2020, arXiv:1910.11015, preprocessing",
    phases=(Phase.DATA,),
    thresholds={
        "scale_ratio": Threshold(
            1.5,
            (
                "Evaluation inputs count as scaled differently if their standard deviation and that of the training "
                "inputs differ by more than this factor."
            ),
            gt=1,
        ),
        "scale_shift": Threshold(
            0.5,
            (
                "Evaluation inputs count as scaled differently if their mean and that of the training inputs differ "
                "by more than this number of standard deviations."
            ),
            gt=0,
        ),
    },
    explains_symptoms=True,
    explains=("lagging-batch-norm",),
    keras=(
        "apply the same function to validation and test examples, or move the scaling from the training data into the "
        "model."
    ),
    overrides=("input=raw norm=batch", "norm=layer"),
    in_code=True,
)
SLACK = 1.5  # factor of both thresholds for two samples, which differ even with the same scaling
FLOOR = 1e-3  # standard deviation that is added to that of each channel, in units of the largest one
MIN_ROWS = 30  # with fewer rows of either split, a comparison of columns proves nothing
EXACT = 1e-4  # relative difference below which two samples do not agree by chance
NEAR = 0.2  # difference from mean 0 and deviation 1 of training columns that a scaler has standardised


def check(context: Context) -> Iterator[Finding]:
    """Find inputs that are scaled differently in evaluation, or by a scaler that was fitted again."""
    yield from _scaling(context)
    yield from _refitted(context)


def _scaling(context: Context) -> Iterator[Finding]:
    """Compare the mean and standard deviation of each channel: of the same images if they are known in both ways."""
    subject = context.subject
    if subject.train_as_evaluated is not None:
        evaluated, slack = subject.train_as_evaluated, 1.0
    elif subject.val is not None:
        evaluated, slack = subject.val.inputs, SLACK
    else:
        return
    (mean, spread), (other_mean, other_spread) = _moments(subject.train.inputs), _moments(evaluated)
    if not (np.isfinite(mean + other_mean).all() and spread.max() > 0):
        return
    floor = FLOOR * spread.max()
    ratios = np.abs(np.log((other_spread + floor) / (spread + floor)))
    shifts = np.abs(other_mean - mean) / (spread + floor)
    most_ratio, most_shift = np.log(context.threshold("scale_ratio")), context.threshold("scale_shift")
    if ratios.max() > most_ratio * slack or shifts.max() > most_shift * slack:
        worst = int(np.argmax(np.maximum(ratios / most_ratio, shifts / most_shift)))
        where = f"channel {worst} (counted from 0) has" if len(mean) > 1 else "the images have"
        yield context.finding(
            "error",
            "validation images",
            f"In evaluation, {where} mean {other_mean[worst]:.3g} and standard deviation {other_spread[worst]:.3g}, "
            f"but in training {mean[worst]:.3g} and {spread[worst]:.3g}. They should be nearly equal.",
            {
                "train_mean": float(mean[worst]),
                "train_std": float(spread[worst]),
                "mean": float(other_mean[worst]),
                "std": float(other_spread[worst]),
            },
        )


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and standard deviation of each channel of images; of all values together for other inputs."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim == 4 and x.shape[-1] <= 4 else x.reshape(-1, 1)
    return rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)


def _refitted(context: Context) -> Iterator[Finding]:
    """Find columns of a table with exactly the same range in both splits, or exactly mean 0 and deviation 1."""
    if context.subject.val is None:
        return
    trained, other = context.subject.train.inputs, context.subject.val.inputs
    if trained.ndim != 2 or other.ndim != 2 or min(len(trained), len(other)) < MIN_ROWS:
        return
    if trained.shape[1] != other.shape[1] or not (np.isfinite(trained).all() and np.isfinite(other).all()):
        return
    many = [c for c in range(trained.shape[1]) if all(len(np.unique(x[:, c])) > len(x) / 2 for x in (trained, other))]
    if not many:
        return
    trained, other = trained[:, many].astype(np.float64), other[:, many].astype(np.float64)
    width = np.ptp(trained, axis=0)
    # If several rows have the lowest or highest value, the column was clipped there.
    single = all(((x == end).sum(0) == 1).all() for x in (trained, other) for end in (x.min(0), x.max(0)))
    ends = [np.abs(end(trained, axis=0) - end(other, axis=0)) < EXACT * width for end in (np.min, np.max)]
    same_range = len(many) > 1 and single and bool(np.all(ends))
    unit = bool((np.abs(other.mean(0)) < EXACT).all() and (np.abs(other.std(0) - 1) < EXACT).all())
    near = bool((np.abs(trained.mean(0)) < NEAR).all() and (np.abs(trained.std(0) - 1) < NEAR).all())
    if same_range or (unit and near):
        agreement = (
            f"exactly the same range in training and in validation, {trained[:, 0].min():.3g} to "
            f"{trained[:, 0].max():.3g} in column {many[0]}"
            if same_range
            else "exactly mean 0 and standard deviation 1 in validation"
        )
        yield context.finding(
            "warning",
            "validation images",
            f"{plural(len(many), 'column')} of continuous numbers "
            f"{'have' if len(many) > 1 else 'has'} {agreement}, which two samples hardly ever have. The "
            "scaler was probably fitted again on the validation rows.",
            {"columns": len(many)},
            "scaler.fit_transform(x_train), then scaler.transform(x_val): fit the scaler on the training rows only.",
        )
