"""Measure how often `compare` decides with three seeds, on runs that are trained.

Four arms of `model=cnn data=digits`, two options of `norm` and two optimisers, are trained with 60 seeds each. They are
split into twenty comparisons with three seeds each that share no seed. For each effect, the benchmark counts in how
many of them `compare` claims a difference, and in how many the paired t tests do that `compare` used before. A claim
against the sign of the mean over all seeds counts as wrong. Runs that are complete are kept, so that an interrupted
benchmark goes on.

The same runs are then given to `sweep=decide`, ten seeds to each of six sweeps, as if each run were trained only when
the sweep asks for it.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from exprun.compare import contrasts, deciding, design, effects, families, outcomes
from exprun.compare.arms import Arm, label
from exprun.compare.spending import FIRST_LOOK
from exprun.records import Run, read_run
from exprun.text import plural

METRIC = "val/accuracy"
FACTORS = {"norm": ("none", "batch"), "optim": ("sgd_momentum", "rmsprop")}
SEEDS, TRIPLE = 60, 3  # seeds of each arm, and seeds of each comparison
SWEEP, MARGIN = 10, 1.0  # seeds of each deciding sweep at most, and its margin in points
RUN = ["model=cnn", "data=digits", "tracking=none", "doctor=none", "trainer.checkpoint=false", "progress=quiet"]
LEVEL = 0.05


def main() -> int:
    """Train what is missing, and print the table; returns 0, as there is no limit."""
    parser = argparse.ArgumentParser(prog="scripts/bench compare_runs", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("outputs/compare_runs"), help="where the runs are kept")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each run (default: 4)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"seeds of each arm (default: {SEEDS})")
    args = parser.parse_args()
    if args.seeds < TRIPLE:
        parser.error(f"--seeds {args.seeds}: it must be at least {TRIPLE}")
    arms = _train(args.folder.resolve(), args.epochs, args.seeds)
    family = design.family(arms, list(FACTORS))
    whole = effects.judge(arms, family, METRIC)
    triples = [range(first, first + TRIPLE) for first in range(0, args.seeds - TRIPLE + 1, TRIPLE)]
    now = np.array([_now(arms, family, seeds) for seeds in triples])  # (comparisons, effects, [estimate, p])
    before = np.array([_before(arms, family, seeds) for seeds in triples])
    print(f"{plural(len(triples), 'comparison')} with {TRIPLE} seeds, {args.epochs} epochs; {METRIC} in %")
    for arm in arms:
        name = label(arm.levels, list(FACTORS))
        print(f"{name}: mean {100 * arm.mean:.1f}, deviation {100 * arm.deviation:.1f}, {len(arm.diverged)} diverged")
    print(f"\n| effect | all {args.seeds} seeds, points | decided now | wrong | decided before | wrong |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for number, effect in enumerate(whole):
        counts = []
        for found in (now, before):
            decided = found[:, number, 1] < LEVEL
            wrong = decided & (np.sign(found[:, number, 0]) != np.sign(effect.mean))
            counts += [str(decided.sum()), str(wrong.sum())]
        low, high = 100 * (effect.mean - effect.seed_half), 100 * (effect.mean + effect.seed_half)
        size = f"{100 * effect.mean:+.1f} ({low:+.1f} to {high:+.1f})"
        print(f"| {effect.change} | {size} | {' | '.join(counts)} |")
    print_decisions(arms, family)
    return 0


def print_decisions(arms: list[Arm], family: design.Family) -> None:
    """Print which arms a deciding sweep drops, and how many runs it takes, with and without a margin."""
    names = [label(arm.levels, list(FACTORS)) for arm in arms]
    best = int(np.argmax([arm.mean for arm in arms]))
    for margin in (None, MARGIN):
        print(f"\nsweep=decide, at most {SWEEP} seeds, margin {margin}; best over all seeds: {names[best]}")
        for first in range(0, len(arms[0].values) - SWEEP + 1, SWEEP):
            seeds, last = _decided(arms, family, range(first, first + SWEEP), margin)
            dropped = [name for name, active in zip(names, last.best.active[0], strict=True) if not active]
            ending = ", the others are equivalent" if last.best.equivalent[0] else ""
            print(f"{sum(seeds)} of {SWEEP * len(arms)} runs {seeds}: worse are {'; '.join(dropped) or 'none'}{ending}")


def _decided(
    arms: list[Arm], family: design.Family, seeds: Sequence[int], margin: float | None
) -> tuple[list[int], deciding.Look]:
    """The number of seeds that each arm gets in a deciding sweep, and its last look."""
    rule = deciding.Rule("best", METRIC, SWEEP, margin)
    values = np.array([[arm.values[seed] for seed in seeds] for arm in arms])
    ended = np.zeros_like(values, bool)
    ended[:, :FIRST_LOOK] = True
    for number in range(FIRST_LOOK, SWEEP + 1):
        table = deciding.Table(list(seeds), np.where(ended, values, np.nan), ended)
        last = deciding.looks_at(table, rule, family, low_is_better=False)[-1]
        needed = last.best.needed[0]
        if number == SWEEP or not needed.any():
            break
        ended[needed, number] = True
    return [int(count) for count in ended.sum(1)], last


def _train(folder: Path, epochs: int, seeds: int) -> list[Arm]:
    """The arms, with the runs of all seeds; runs that are not complete are trained."""
    from exprun import Session, run
    from exprun.config.errors import RunError

    session = Session()
    arms = []
    for levels in product(*FACTORS.values()):
        runs = []
        for seed in range(seeds):
            place = folder / f"{'-'.join(levels)}-{epochs}-{seed}"
            if not _ended(read_run(place)):
                chosen = [f"{factor}={level}" for factor, level in zip(FACTORS, levels, strict=True)]
                words = [*RUN, *chosen, f"seed={seed}", f"trainer.epochs={epochs}", f"run_dir={place}"]
                try:
                    run(words, session)
                except RunError as error:  # a run that diverged has a record as well
                    print(f"{place.name}: {error}", file=sys.stderr)
            found = read_run(place)
            if found is None or not _ended(found):
                raise SystemExit(f"{place} has no result")
            runs.append(found)
        print(f"{' '.join(levels)}: {len(runs)} runs", file=sys.stderr, flush=True)
        values = {found.seed: _value(found) for found in runs}
        arms.append(Arm(levels, runs, values, diverged=[found for found in runs if outcomes.diverged(found, METRIC)]))
    return arms


def _ended(found: Run | None) -> bool:
    return found is not None and outcomes.value(found, METRIC) is not None


def _value(found: Run) -> float:
    value = outcomes.value(found, METRIC)
    assert value is not None
    return value


def _some(arms: Sequence[Arm], seeds: Sequence[int]) -> list[Arm]:
    """The arms with some of their seeds."""
    return [Arm(arm.levels, arm.runs, {seed: arm.values[seed] for seed in seeds}) for arm in arms]


def _now(arms: Sequence[Arm], family: design.Family, seeds: Sequence[int]) -> list[tuple[float, float]]:
    """The estimate and the corrected p-value of each effect."""
    found = effects.judge(_some(arms, seeds), family, METRIC)
    return [(effect.mean, effect.probability) for effect in found]


def _before(arms: Sequence[Arm], family: design.Family, seeds: Sequence[int]) -> list[tuple[float, float]]:
    """The estimate and the p-value of each effect by paired t tests, corrected by Holm's method."""
    values = np.array([list(arm.values.values()) for arm in _some(arms, seeds)])
    found = contrasts.by_seed(values, np.array([contrast.weights for contrast in family.contrasts]))
    count = len(family.contrasts)
    corrected, _ = families.corrected(lambda factor: found.probability(), range(count, 0, -1))
    return list(zip(found.estimate.tolist(), corrected.tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
