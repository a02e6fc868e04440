"""How many changes are compared with how many steps: successive halving.

Jamieson & Talwalkar 2016, arXiv:1502.07943: all changes start with few steps, and the better half continues with
more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.explain.trials import RunTime, Trial

MAX_FINALISTS = 3  # changes in the last rung
# The sizes of the last rung, of which the first that fits into the time is used: the number of changes, and whether the
# best two are measured together.
LAST_RUNGS = ((3, True), (2, True), (2, False), (1, False))
MIN_STEPS = 15  # steps of a run; fewer show nothing
ENOUGH_STEPS = 50  # steps of a run in the last rung for which the number of finalists is reduced if necessary
PLANNED = 0.85  # share of the time that is planned; the rest is for runs that take longer than expected


@dataclass(frozen=True)
class LastRung:
    """The size of the last rung, which is measured with all seeds.

    Args:
        steps: the number of steps of a run.
        finalists: the number of changes.
        pair: whether the two best changes are also measured together.
    """

    steps: int
    finalists: int
    pair: bool


def rungs(changes: int, finalists: int) -> list[tuple[int, float]]:
    """For each rung before the last, the number of changes and the fraction of the steps that they run."""
    if changes <= finalists:
        return []
    half = math.ceil(changes / 2)
    return [(changes, 0.25)] if half <= MAX_FINALISTS else [(changes, 0.25), (half, 0.5)]


def steps_of_rung(steps: int, share: float) -> int:
    """The number of steps of each run in a rung before the last.

    Args:
        steps: the number of steps of each run in the last rung.
        share: the fraction of these steps that the runs of the rung take.
    """
    return max(round(steps * share), min(steps, MIN_STEPS))


def seconds_of(last: LastRung, changes: int, fixed: int, seeds: int, run_time: RunTime) -> float:
    """The seconds that the runs of all rungs take.

    Args:
        last: the last rung.
        changes: the number of changes that are compared.
        fixed: the number of configs in every rung: the config as it is, and the other config if there is one.
        seeds: the number of seeds in the last rung.
        run_time: the time that a run takes.
    """
    early = rungs(changes, last.finalists)
    in_full = fixed + last.finalists + last.pair
    return sum((fixed + number) * run_time.of(steps_of_rung(last.steps, share)) for number, share in early) + (
        in_full * run_time.of(last.steps, seeds)
    )


def plan_last_rung(changes: int, fixed: int, seeds: int, seconds: float, run_time: RunTime, most: int) -> LastRung:
    """The largest last rung that fits into the time, with at least `ENOUGH_STEPS` steps if possible.

    Args:
        changes: the number of changes to compare.
        fixed: the number of configs in every rung: the config as it is, and the other config if there is one.
        seeds: the number of seeds in the last rung.
        seconds: the seconds that are left.
        run_time: the time that a run takes.
        most: the largest number of steps that a run may have.
    """
    largest = []
    for number, pair in LAST_RUNGS:
        finalists = min(number, changes)
        last = LastRung(most, finalists, pair)
        while last.steps and seconds_of(last, changes, fixed, seeds, run_time) > seconds * PLANNED:
            last = LastRung(int(last.steps * 0.97), finalists, pair)
        largest.append(last)
        if last.steps >= min(ENOUGH_STEPS, most):
            return last
    return max(largest, key=lambda last: last.steps)


def steps_that_fit(run_times: Sequence[RunTime], seeds: int, seconds: float, most: int) -> int:
    """The largest number of steps for each run of the last rung so that all of these runs fit into the time.

    Args:
        run_times: the measured time of each config.
        seeds: the number of seeds of each config.
        seconds: the seconds that are left.
        most: the largest number of steps that a run may have.
    """
    around = sum(run_time.of(0, seeds) for run_time in run_times)
    return max(0, min(most, int((seconds * PLANNED - around) / max(seeds * sum(p.step for p in run_times), 1e-6))))


def survivors(trials: Sequence[Trial], keep: int, clear: float, sign: float = 1.0) -> list[str]:
    """The labels of the changes that continue, best first.

    Changes clearly above chance level come first, then those with the lowest validation loss: a network that learns
    from unscaled images may have a higher loss than one that predicts the same class for all images. Runs that failed
    come last.

    Args:
        trials: one run of each change.
        keep: the number of changes that continue.
        clear: the accuracy above which a network is clearly better than chance level.
        sign: -1 to keep the worst changes, those that harm a good config; otherwise 1.
    """

    def rank(trial: Trial) -> tuple[bool, float]:
        return (trial.accuracy > clear) != (sign > 0), sign * (math.inf if trial.failure else trial.loss)

    return [trial.label for trial in sorted(trials, key=rank)[:keep]]
