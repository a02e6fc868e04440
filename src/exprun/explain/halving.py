"""Which changes are worth the time of a full comparison: successive halving.

Jamieson & Talwalkar 2016, arXiv:1502.07943: all start with few steps, and the better half continues with more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.explain.trials import RunTime, Trial

MOST = 3  # changes in the last rung
# What the last rung measures, the first of these that the time allows: how many changes, and the best two together.
LAST_RUNGS = ((3, True), (2, True), (2, False), (1, False))
LEAST, ENOUGH = 15, 50  # steps: fewer than the first show nothing; from the second on, the last rung is not cut
RESERVE = 0.85  # share of the time that is planned; the rest is for runs that take longer than before


@dataclass(frozen=True)
class LastRung:
    """What the last rung measures, with all seeds.

    Args:
        steps: number of steps of a run.
        finalists: number of changes.
        pair: whether the two best changes are measured together as well.
    """

    steps: int
    finalists: int
    pair: bool


def rungs(changes: int, finalists: int) -> list[tuple[int, float]]:
    """For each rung before the last, the number of changes in it and the share of the steps that they run."""
    if changes <= finalists:
        return []
    half = math.ceil(changes / 2)
    return [(changes, 0.25)] if half <= MOST else [(changes, 0.25), (half, 0.5)]


def steps_of_rung(steps: int, share: float) -> int:
    """The number of steps in a rung before the last, if a full run has `steps`."""
    return max(round(steps * share), min(steps, LEAST))


def seconds_of(last: LastRung, changes: int, fixed: int, seeds: int, run_time: RunTime) -> float:
    """The seconds that the runs of all rungs take.

    Args:
        last: the last rung.
        changes: number of changes that are compared.
        fixed: number of configs in every rung: the one as it is, and the other one.
        seeds: number of seeds of the last rung.
        run_time: the time that a run takes.
    """
    early = rungs(changes, last.finalists)
    in_full = fixed + last.finalists + last.pair
    return sum((fixed + number) * run_time.of(steps_of_rung(last.steps, share)) for number, share in early) + (
        in_full * run_time.of(last.steps, seeds)
    )


def plan_last_rung(changes: int, fixed: int, seeds: int, seconds: float, run_time: RunTime, most: int) -> LastRung:
    """The largest last rung that fits into the time, with at least `ENOUGH` steps if possible.

    Args:
        changes: number of changes to compare.
        fixed: number of configs in every rung.
        seeds: number of seeds of the last rung.
        seconds: seconds that are left.
        run_time: the time that a run takes.
        most: number of steps above which more are of no use.
    """
    found = []
    for number, pair in LAST_RUNGS:
        finalists = min(number, changes)
        last = LastRung(most, finalists, pair)
        while last.steps and seconds_of(last, changes, fixed, seeds, run_time) > seconds * RESERVE:
            last = LastRung(int(last.steps * 0.97), finalists, pair)
        found.append(last)
        if last.steps >= min(ENOUGH, most):
            return last
    return max(found, key=lambda last: last.steps)


def steps_that_fit(run_times: Sequence[RunTime], seeds: int, seconds: float, most: int) -> int:
    """The number of steps of full runs of some configs, each with the time that it took before."""
    around = sum(run_time.of(0, seeds) for run_time in run_times)
    return max(0, min(most, int((seconds * RESERVE - around) / max(seeds * sum(p.step for p in run_times), 1e-6))))


def survivors(trials: Sequence[Trial], keep: int, clear: float, sign: float = 1.0) -> list[str]:
    """The labels of the changes that continue, best first.

    Those clearly above chance come first, then the lowest validation loss: a network that learns from unscaled images
    may have a higher loss than one that gives all images the same answer. Runs that failed come last.

    Args:
        trials: one run of each change.
        keep: number of changes that continue.
        clear: the accuracy above which a network is clearly better than chance level.
        sign: -1 to look for the worst changes, those that make a good config bad.
    """

    def place(trial: Trial) -> tuple[bool, float]:
        return (trial.accuracy > clear) != (sign > 0), sign * (math.inf if trial.failure else trial.loss)

    return [trial.label for trial in sorted(trials, key=place)[:keep]]
