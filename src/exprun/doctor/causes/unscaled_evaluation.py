"""unscaled-evaluation: inputs that are scaled differently in evaluation and in training."""

from collections.abc import Iterator

import numpy as np

from exprun.doctor.cause import Cause, Finding, Phase, Threshold
from exprun.doctor.context import Context
from exprun.doctor.instruments.scaling import (
    SAMPLE,
    gaps,
    have_common,
    is_far,
    is_unsigned,
    moments,
    of_each_row,
    refitted,
)
from exprun.doctor.use import Use
from exprun.text import plural, rounded

CAUSE = Cause(
    id="unscaled-evaluation",
    why="A network only works on inputs that are scaled like those it was trained on.",
    source="Humbatova et al. 2020, arXiv:1910.11015, preprocessing",
    phases=(Phase.DATA, Phase.LATER),
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
LATER = 2.5  # the same for what is predicted, which a person may choose, and which may be of one class
SERIES = 4.0  # the same for tables and series, which change over time
OUTSIDE = 20.0  # ratio of deviations of values that lie within those of training, as predictions that are fed back do


def check(context: Context) -> Iterator[Finding]:
    """Find inputs that are scaled differently in evaluation, or by a scaler that was fitted again."""
    subject = context.subject
    if context.use is not None:
        yield from _of_a_use(context, context.use)
        return
    if subject.train_as_evaluated is not None:
        yield from _scaling(context, subject.train_as_evaluated, 1.0)
    elif subject.val is not None:
        yield from _scaling(context, subject.val.inputs, SLACK)
    if subject.val is not None:
        yield from _by_rows(context, subject.val.inputs, "validation images", "in validation")
        yield from _refitted(context, subject.val.inputs, "validation images", "in validation")


def _of_a_use(context: Context, use: Use) -> Iterator[Finding]:
    """Find inputs of a call after the training that are scaled differently."""
    trained, rows = context.subject.train.inputs, use.rows
    if (
        rows is None
        or not len(trained)
        or rows.shape[1:] != trained.shape[1:]
        or not np.isfinite(rows).all()
        or np.ptp(rows) == 0
    ):
        return
    if not np.isfinite(trained).all() or any(layer.isa("Embedding") for layer in context.layers):
        return
    where, there = use.name, "here"
    found = list(_by_rows(context, rows, where, there))
    if not found and use.is_whole:
        found = list(_refitted(context, rows, where, there))
    if not found and len(rows) >= SAMPLE:
        slack = LATER if trained.ndim == 4 else SERIES
        inside = trained.min() <= rows.min() and rows.max() <= trained.max() and trained.std() < OUTSIDE * rows.std()
        if trained.ndim == 4 or not inside:
            found = list(_scaling(context, rows, slack, where, there))
    if not found and (is_unsigned(trained, rows) if len(rows) >= SAMPLE else is_far(trained, rows)):
        ranges = [f"{rounded(x.min())} to {rounded(x.max())}" for x in (rows, trained)]
        found = [
            context.finding(
                "error",
                where,
                f"The inputs range from {ranges[0]} here, but from {ranges[1]} in training.",
                {"lowest": float(rows.min()), "highest": float(rows.max())},
            )
        ]
    yield from found


def _scaling(
    context: Context,
    evaluated: np.ndarray,
    slack: float,
    where: str = "validation images",
    there: str = "in evaluation",
) -> Iterator[Finding]:
    """Compare the mean and standard deviation of each channel: of the same images if they are known in both ways."""
    in_training, here = moments(context.subject.train.inputs), moments(evaluated)
    (mean, spread), (other_mean, other_spread) = in_training, here
    if not (np.isfinite(mean + other_mean).all() and spread.max() > 0):
        return
    ratios, shifts = gaps(in_training, here)
    most_ratio, most_shift = np.log(context.threshold("scale_ratio")), context.threshold("scale_shift")
    if ratios.max() > most_ratio * slack or shifts.max() > most_shift * slack:
        worst = int(np.argmax(np.maximum(ratios / most_ratio, shifts / most_shift)))
        which = f"channel {worst} (counted from 0) has" if len(mean) > 1 else "the images have"
        yield context.finding(
            "error",
            where,
            f"{there[0].upper()}{there[1:]}, {which} mean {rounded(other_mean[worst])} and standard deviation "
            f"{rounded(other_spread[worst])}, but in training {rounded(mean[worst])} and {rounded(spread[worst])}. "
            "They should be nearly equal.",
            {
                "train_mean": float(mean[worst]),
                "train_std": float(spread[worst]),
                "mean": float(other_mean[worst]),
                "std": float(other_spread[worst]),
            },
        )


def _by_rows(context: Context, other: np.ndarray, where: str, there: str) -> Iterator[Finding]:
    """Find a normalisation of each row on its own, in one of the two samples only."""
    trained = context.subject.train.inputs
    equal, before = of_each_row(other, trained), of_each_row(trained, other)
    if equal or before:
        sides = (there, "in training") if equal else ("in training", there)
        yield context.finding(
            "error",
            where,
            f"All images have {equal or before} {sides[0]}, but not {sides[1]}: each was normalised on its own.",
        )


def _refitted(context: Context, other: np.ndarray, where: str, there: str) -> Iterator[Finding]:
    """Find columns of a table with exactly the same range in both splits, or exactly mean 0 and deviation 1."""
    trained = context.subject.train.inputs
    found = refitted(trained, other)
    if found is not None and not have_common(trained, other):  # the same rows have the same range
        many, same_range = found
        agreement = (
            f"exactly the same range in training and {there}, {trained[:, many[0]].min():.3g} to "
            f"{trained[:, many[0]].max():.3g} in column {many[0]}"
            if same_range
            else f"exactly mean 0 and standard deviation 1 {there}"
        )
        yield context.finding(
            "warning",
            where,
            f"{plural(len(many), 'column')} of continuous numbers "
            f"{'have' if len(many) > 1 else 'has'} {agreement}, which two samples hardly ever have. The "
            "scaler was probably fitted again on these rows.",
            {"columns": len(many)},
            "scaler.fit_transform(x_train), then scaler.transform(x_val): fit the scaler on the training rows only.",
        )
