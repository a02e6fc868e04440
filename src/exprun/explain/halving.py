"""Which changes are worth the time of a full comparison: successive halving.

Jamieson & Talwalkar 2016, arXiv:1502.07943: all start with few steps, the better half goes on with more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.explain.trials import Pace, Trial

MOST = 3  # changes that are measured in full
# What is measured in full, as much as the time allows: so many changes, and the best two of them together.
PLANS = ((3, True), (2, True), (2, False), (1, False))
LEAST, ENOUGH = 15, 50  # steps: fewer than the first tell nothing; with the second, no plan is cut short
RESERVE = 0.85  # share of the time that is planned; the rest is for what takes longer than before


@dataclass(frozen=True)
class Plan:
    """What is measured in full.

    Args:
        steps: of a run.
        finalists: the number of changes.
        pair: whether the best two together as well.
    """

    steps: int
    finalists: int
    pair: bool


def rungs(changes: int, finalists: int) -> list[tuple[int, float]]:
    """How many changes take part in each rung before the last, and for which share of the steps."""
    if changes <= finalists:
        return []
    half = math.ceil(changes / 2)
    return [(changes, 0.25)] if half <= MOST else [(changes, 0.25), (half, 0.5)]


def steps_of_rung(steps: int, share: float) -> int:
    """Steps of a rung before the last, where a full run has `steps`."""
    return max(round(steps * share), min(steps, LEAST))


def seconds_of(plan: Plan, changes: int, fixed: int, seeds: int, pace: Pace) -> float:
    """How long all runs of a plan take.

    Args:
        plan: what is measured.
        changes: that are compared.
        fixed: configs in every rung: the one as it is, and the other one.
        seeds: of a full run.
        pace: of a run.
    """
    early = rungs(changes, plan.finalists)
    in_full = fixed + plan.finalists + plan.pair
    return sum((fixed + number) * pace.of(steps_of_rung(plan.steps, share)) for number, share in early) + (
        in_full * pace.of(plan.steps, seeds)
    )


def plan(changes: int, fixed: int, seeds: int, seconds: float, pace: Pace, most: int) -> Plan:
    """The most that can be measured in the time, with at least `ENOUGH` steps if that can be.

    Args:
        changes: to compare.
        fixed: configs in every rung.
        seeds: of a full run.
        seconds: that are left.
        pace: of a run.
        most: steps that are of use.
    """
    found = []
    for number, pair in PLANS:
        finalists = min(number, changes)
        steps = most
        while steps and seconds_of(Plan(steps, finalists, pair), changes, fixed, seeds, pace) > seconds * RESERVE:
            steps = int(steps * 0.97)
        found.append(Plan(steps, finalists, pair))
        if steps >= min(ENOUGH, most):
            return found[-1]
    return max(found, key=lambda plan: plan.steps)


def steps_that_fit(paces: Sequence[Pace], seeds: int, seconds: float, most: int) -> int:
    """Steps of full runs of some configs, each at the pace that it showed."""
    around = sum(pace.of(0, seeds) for pace in paces)
    return max(0, min(most, int((seconds * RESERVE - around) / max(seeds * sum(p.step for p in paces), 1e-6))))


def survivors(trials: Sequence[Trial], keep: int, clear: float, sign: float = 1.0) -> list[str]:
    """The labels that go on, the best first.

    Those clearly above chance come first, then the lowest validation loss: a network that learns from unscaled images
    may have a higher loss than one that gives all images the same answer. Runs that failed come last.

    Args:
        trials: one of each change.
        keep: how many go on.
        clear: the accuracy that is clearly above chance.
        sign: -1 where the worst is looked for: what makes a good config bad.
    """

    def place(trial: Trial) -> tuple[bool, float]:
        return (trial.accuracy > clear) != (sign > 0), sign * (math.inf if trial.failure else trial.loss)

    return [trial.label for trial in sorted(trials, key=place)[:keep]]
