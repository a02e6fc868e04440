"""Measure how often `compare` claims a difference between two equal learners that are cross-validated.

Each comparison draws images of two classes as vectors of independent normal numbers. The classes differ in the mean of
each number. Two learners, linear discriminants on the first and on the second half of the numbers, are trained and
validated on the same stratified folds. The halves have the same distribution, so neither learner is better: each claim
is an error, also if it is about the drawn images. The benchmark counts the claims of `compare`, and those that it would
make without the correction for overlapping training sets. For the power, the means of the second half differ more. The
exit code is 1 if the 99 % interval of an error of `compare` lies above 5 %.
"""

import argparse
import sys

import numpy as np

from exprun.compare import design, effects
from exprun.compare.arms import Arm
from exprun.records import Fold

SIZE = 10  # numbers that each learner sees
SHIFT = 0.35  # difference of the classes in each number, in standard deviations
LEVEL = 0.05
METRIC = "val/accuracy"
# Images, folds, and divisions into folds with different split seeds.
DESIGNS = [(100, 5, 1), (100, 10, 1), (100, 5, 2), (100, 5, 5), (400, 2, 1), (400, 5, 1), (400, 10, 1), (400, 5, 2)]


def main() -> int:
    """Print the table; returns 1 if an error is too large."""
    parser = argparse.ArgumentParser(prog="scripts/bench compare_folds", description=__doc__)
    parser.add_argument("--comparisons", type=int, default=5000, help="comparisons of each design (default: 5,000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the images (default: 0)")
    args = parser.parse_args()
    if args.comparisons < 1:
        parser.error(f"--comparisons {args.comparisons}: it must be at least 1")
    rng = np.random.default_rng(args.seed)
    print("| images | folds | repetitions | error of compare, % (99 %) | uncorrected | power, % | uncorrected |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    is_too_large = False
    for images, folds, repetitions in DESIGNS:
        shares = []
        for extra in (0.0, 0.6):  # how much more the classes differ in the second half
            found = np.array([_claims(images, folds, repetitions, extra, rng) for _ in range(args.comparisons)])
            shares.append(found.mean(0))
        (error, plain), (power, plain_power) = shares
        half = 2.576 * np.sqrt(error * (1 - error) / args.comparisons)
        is_too_large |= bool(error - half > LEVEL)
        print(
            f"| {images} | {folds} | {repetitions} | {100 * error:.1f} ({100 * (error - half):.1f}–"
            f"{100 * (error + half):.1f}) | {100 * plain:.1f} | {100 * power:.0f} | {100 * plain_power:.0f} |",
            flush=True,
        )
    return int(is_too_large)


def _claims(images: int, folds: int, repetitions: int, extra: float, rng: np.random.Generator) -> tuple[bool, bool]:
    """Whether a comparison claims a difference, with the correction and without it."""
    labels = np.arange(images) % 2
    shift = np.repeat([SHIFT, SHIFT * (1 + extra)], SIZE)
    x = rng.normal(size=(images, 2 * SIZE)) + np.outer(labels - 0.5, shift)
    values: list[dict[Fold, float]] = [{}, {}]
    for repetition in range(repetitions):
        fold_of = np.empty(images, int)
        for label in (0, 1):
            rows = rng.permutation(np.flatnonzero(labels == label))
            fold_of[rows] = np.arange(len(rows)) % folds
        for fold in range(folds):
            val = fold_of == fold
            for number, half in enumerate((x[:, :SIZE], x[:, SIZE:])):
                right = _predictions(half[~val], labels[~val], half[val]) == labels[val]
                values[number][Fold(repetition, fold)] = float(right.mean())
    claims = []
    for corrected in (True, False):
        arms = [Arm((str(n),), [], found, folds=folds) for n, found in enumerate(values)]
        if not corrected:
            arms = [_Uncorrected(arm.levels, [], arm.values, folds=folds) for arm in arms]
        [effect] = effects.judge(arms, design.family(arms, ["learner"]), METRIC)
        claims.append(effect.probability < LEVEL)
    return claims[0], claims[1]


class _Uncorrected(Arm):
    """An arm whose folds are taken for independent samples."""

    @property
    def inflation(self) -> float:
        return 1.0


def _predictions(x: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The classes that a linear discriminant with a pooled covariance gives to `asked`, (images,)."""
    means = [x[labels == label].mean(0) for label in (0, 1)]
    centred = x - np.stack(means)[labels]
    weights = np.linalg.solve(centred.T @ centred / (len(x) - 2), means[1] - means[0])
    return (asked @ weights > (means[0] + means[1]) @ weights / 2).astype(int)


if __name__ == "__main__":
    sys.exit(main())
