"""Measure how often deciding sweeps (`sweep=decide`) are wrong, and how many runs they save, in simulated runs.

Sweeps are drawn at random on a grid of designs, differences and kinds of noise. For each cell, the benchmark measures
the error: the share of sweeps in which anything false is found at any look. With `sweep.goal=best` that is an arm which
is shown to be worse although it is as good as the best, with `sweep.goal=effects` a contrast which is claimed although
it is 0, and with `sweep.margin` a difference which is claimed to be smaller than the margin although it is not. The
rule holds in a cell if the 99 % Monte Carlo interval of its error does not lie above 5 %.

The runs of a sweep are compared with two fixed designs in which every arm has the same number of seeds, judged once at
the same level of 5 %: the one with all seeds that the sweep may use, and the smallest one that finds as much.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from compare_simulation import (
    DESIGNS,
    LARGE,
    NOISES,
    NORMAL_SPREAD,
    Design,
    Noise,
    Result,
    percent,
    table,
    with_interval,
)
from exprun.compare import families, sequential, spending
from exprun.compare.spending import FIRST_LOOK, LEVELS, Looks

SEEDS = 10  # seeds at the last look, unless a table says otherwise
EFFECTS = (0, 1, 2, 3, 4, 6)  # differences in standard deviations over seeds
MARGIN = 2  # margin in standard deviations
CLEAR, LEAST_SAVED = 3, 0.4  # from this difference on, at least this share of the runs should be saved
NAME = "decide"
ARMS = (2, 4, 6)
FEW_DRAWS = 0.5  # share of the draws in cells that only measure runs
PRIOR = 10.0  # variance of the mixture of the e-values, in units of the variance over seeds
WIDE = (Noise("normal"), Noise("normal", 5), Noise("normal", 20), Noise("normal", 1, 0.8))


@dataclass(frozen=True)
class Swept:
    """The outcome of simulated sweeps.

    Args:
        wrong: whether anything false was found, (draws,).
        found: whether all arms that are not the best were dropped, or all contrasts found that are not 0, (draws,).
        ended: whether everything was decided before the seeds were used up, (draws,).
        runs: the number of runs, (draws,).
    """

    wrong: np.ndarray
    found: np.ndarray
    ended: np.ndarray
    runs: np.ndarray

    @property
    def error(self) -> Result:
        """The error, with its Monte Carlo interval."""
        return Result([int(self.wrong.sum())], len(self.wrong))


def _any(flags: np.ndarray) -> np.ndarray:
    """Whether any flag of each sweep is set, (draws,)."""
    return np.asarray(flags.any(1))


def _all(flags: np.ndarray) -> np.ndarray:
    """Whether all flags of each sweep are set, (draws,)."""
    return np.asarray(flags.all(1))


# ---- Candidates ------------------------------------------------------------------------------------------------------


def unspent(seeds: int) -> Looks:
    """Looks at which a fixed number of seeds is tested, as if there were no other look."""
    return Looks(seeds, np.repeat(LEVELS[:, None], seeds - FIRST_LOOK + 1, axis=1))


def bonferroni(seeds: int) -> Looks:
    """Looks which have the same share of the error."""
    count = seeds - FIRST_LOOK + 1
    return Looks(seeds, np.repeat(LEVELS[:, None] / count, count, axis=1))


def pocock(seeds: int) -> Looks:
    """Spending of Pocock's type without the correction of few seeds."""
    return Looks(seeds, spending.levels(np.arange(FIRST_LOOK, seeds + 1), np.minimum(LEVELS, 1 - 1e-6)))


CANDIDATES: dict[str, Callable[[int], Looks]] = {
    "test after each seed": unspent,
    "Bonferroni": bonferroni,
    "Pocock's type": pocock,
    NAME: spending.looks,
}
E_VALUES = "e-values"


def e_values(values: np.ndarray, top: np.ndarray) -> Swept:
    """The best arm by e-values: the anytime-valid t test of the differences of equal seeds, for all pairs.

    The mixture over standardised differences with a normal prior, and the right Haar prior for the variance (Wang and
    Ramdas 2025, arXiv:2310.03722, section 4).
    """
    draws, arms, seeds = values.shape
    active, runs = np.ones((draws, arms), bool), np.zeros((draws, arms), int)
    weights = sequential.pairs(arms)
    for count in range(2, seeds + 1):
        going = active & (active.sum(1) > 1)[:, None]
        runs[going] = count
        gains = weights @ values[..., :count]
        squared = gains.mean(-1) ** 2 * count / np.maximum(gains.var(-1, ddof=1), 1e-300) / (count - 1)
        shrunk = 1 + count * PRIOR
        value = shrunk**-0.5 * ((1 + squared) / (1 + squared / shrunk)) ** (count / 2)
        limit = np.maximum(1, going.sum(1) * (going.sum(1) - 1) / 2) / sequential.ERROR
        for pair, (first, second) in enumerate(np.argwhere(np.triu(np.ones((arms, arms)), 1))):
            shown = (value[:, pair] >= limit) & going[:, first] & going[:, second]
            active[shown & (gains[:, pair].mean(-1) > 0), first] = False
            active[shown & (gains[:, pair].mean(-1) < 0), second] = False
    found = _all(~active[:, ~top])
    return Swept(_any(~active[:, top]), found, active.sum(1) < 2, runs.sum(1))


# ---- Sweeps ----------------------------------------------------------------------------------------------------------


def best(values: np.ndarray, top: np.ndarray, looks: Looks, margin: float | None = None) -> Swept:
    """Sweeps that look for the best arm.

    Args:
        values: the metric of all runs that the sweeps could make, (draws, arms, seeds).
        top: whether each arm is the best, or as good as the best, (arms,).
        looks: the looks.
        margin: the difference that does not matter; with it, an arm that is not the best is worse by it or more.
    """
    draws, arms, _ = values.shape
    known = sequential.any_best(draws, arms)
    used, left = np.zeros((draws, arms), int), np.arange(draws)
    for seeds in looks.seeds:
        left = left[known.needed[left].any(1)]
        if not len(left):
            break
        some = sequential.Best(*(getattr(known, name)[left] for name in known.__dataclass_fields__))
        used[left] = np.where(some.needed, seeds, used[left])
        after = sequential.look_for_best(some, values[left, :, :seeds], some.needed, looks, margin=margin)
        for name in known.__dataclass_fields__:
            getattr(known, name)[left] = getattr(after, name)
    wrong = _any(~known.active[:, top]) | (known.equivalent & _any(known.active[:, ~top]))
    return Swept(wrong, _all(~known.active[:, ~top]), ~_any(known.needed), used.sum(1))


def effects(values: np.ndarray, design: Design, differs: np.ndarray, looks: Looks) -> Swept:
    """Sweeps that look for the effects of a design.

    Args:
        values: the metric of all runs that the sweeps could make, (draws, arms, seeds).
        design: the design.
        differs: whether each contrast is not 0, (contrasts,).
        looks: the looks.
    """
    draws, arms, _ = values.shape
    factors, known = families.multipliers(design.groups), sequential.none_decided(draws, design.weights)
    used = np.zeros((draws, arms), int)
    for seeds in looks.seeds:
        needed = known.needed
        used = np.where(needed, seeds, used)
        known = sequential.look_at_contrasts(known, values[..., :seeds], needed, looks, design.weights, factors)
    found = _all(known.differs[:, differs])
    return Swept(_any(known.differs[:, ~differs]), found, ~_any(known.needed), used.sum(1))


def fixed(values: np.ndarray, top: np.ndarray, seeds: int) -> Swept:
    """Fixed designs with the first seeds of each arm, which are judged once at the whole level."""
    draws, arms, _ = values.shape
    looks = Looks(seeds, np.repeat(LEVELS[:, None], max(1, seeds - FIRST_LOOK + 1), axis=1))
    known = sequential.any_best(draws, arms)
    after = sequential.look_for_best(known, values[..., :seeds], known.active, looks)
    wrong, found = _any(~after.active[:, top]), _all(~after.active[:, ~top])
    return Swept(wrong, found, np.ones(draws, bool), np.full(draws, arms * seeds))


# ---- Tables ----------------------------------------------------------------------------------------------------------


def shifts(arms: int) -> dict[str, np.ndarray]:
    """Means of arms in standard deviations: all alike, steps of one, and two that are the best by two."""
    steps, two = np.arange(arms, dtype=float), np.zeros(arms)
    two[:2] = 2.0
    return {"no difference": np.zeros(arms), "steps of 1": steps} | ({"two best by 2": two} if arms > 2 else {})


def of_candidates(draws: int, seed: int) -> Iterator[str]:
    """The table of candidates: their errors without a difference, and their runs with one."""
    rows = []
    for name in (*CANDIDATES, E_VALUES):
        errors, runs = [], []
        for number, (arms, noise) in enumerate(product((2, 4), WIDE)):
            values = noise.draw(np.random.default_rng([seed, 1, number]), draws, np.zeros(arms), SEEDS)
            errors.append(_swept(name, values, np.ones(arms, bool)).error)
        for arms, effect in product((2, 4), (3, 6)):
            top = np.arange(arms) == arms - 1
            rng = np.random.default_rng([seed, 2, arms, effect])
            found = _swept(name, Noise("normal").draw(rng, int(draws * FEW_DRAWS), effect * top, SEEDS), top)
            runs.append(f"{found.runs.mean():.1f} of {arms * SEEDS}")
        largest = max(errors, key=lambda result: result.error)
        fails = sum(not result.holds for result in errors)
        rows.append([name, f"{fails} of {len(errors)}", with_interval(largest), *runs])
    heads = [f"runs, {arms} arms, {effect} deviations" for arms, effect in product((2, 4), (3, 6))]
    yield from table(["method", "does not hold", "largest error (99 %)", *heads], rows)


def _swept(name: str, values: np.ndarray, top: np.ndarray) -> Swept:
    return e_values(values, top) if name == E_VALUES else best(values, top, CANDIDATES[name](SEEDS))


def of_errors(draws: int, seed: int, held: list[bool]) -> Iterator[str]:
    """The table of the errors of the rule, by design and noise; the largest of the differences that are simulated."""
    rows = []
    for place, noise in enumerate(NOISES):
        row = [noise.name]
        for arms in ARMS:
            errors = []
            for number, (kind, shift) in enumerate(shifts(arms).items()):
                if noise.kind == "skewed" and kind != "no difference":
                    continue  # a difference changes the skewness as well
                rng = np.random.default_rng([seed, 3, place, arms, number])
                values = noise.draw(rng, draws, shift, SEEDS)
                errors.append(best(values, shift == shift.max(), spending.looks(SEEDS)).error)
            row.append(_worst(errors, noise, held))
        for design in (DESIGNS[1], DESIGNS[2]):
            rng, nothing = np.random.default_rng([seed, 4, place, design.arms]), np.zeros(design.arms)
            values = noise.draw(rng, draws, nothing, SEEDS)
            zero = np.zeros(len(design.weights), bool)
            errors = [effects(values, design, zero, spending.looks(SEEDS)).error]
            if noise.kind == "normal":
                large = values + NORMAL_SPREAD * LARGE * design.changed[:, None]
                errors.append(effects(large, design, design.differs, spending.looks(SEEDS)).error)
            row.append(_worst(errors, noise, held))
        rows.append(row)
        print(noise.name, file=sys.stderr, flush=True)
    heads = [f"best of {arms}" for arms in ARMS]
    yield from table(["noise", *heads, *(f"effects, {design.name}" for design in DESIGNS[1:3])], rows)


def _worst(errors: list[Result], noise: Noise, held: list[bool]) -> str:
    largest = max(errors, key=lambda result: result.error)
    if noise.kind != "skewed":
        held.append(largest.holds)
    return with_interval(largest) if largest.holds else f"**{with_interval(largest)}**"


def of_seeds(draws: int, seed: int, held: list[bool]) -> Iterator[str]:
    """The table of the errors with two arms without a difference, by the number of planned seeds, and at the margin."""
    counts, rows = (3, 5, 10, 20), []
    for place, noise in enumerate((*WIDE, Noise("normal", 2), Noise("normal", 3))):
        row = [noise.name]
        for count in counts:
            values = noise.draw(np.random.default_rng([seed, 5, place, count]), draws, np.zeros(2), count)
            row.append(_worst([best(values, np.ones(2, bool), spending.looks(count)).error], noise, held))
        shift = np.array([0.0, 1.0])
        values = noise.draw(np.random.default_rng([seed, 6, place]), draws, shift * noise.ratio, SEEDS)
        margin = NORMAL_SPREAD * noise.ratio
        row.append(_worst([best(values, shift > 0, spending.looks(SEEDS), margin).error], noise, held))
        rows.append(row)
    heads = [f"at most {count} seeds" for count in counts]
    yield from table(["noise", *heads, "difference as large as the margin"], rows)


def of_savings(draws: int, seed: int, saved: list[float]) -> Iterator[str]:
    """The table of runs: how often the sweep finds all and is wrong, its runs, and those of the two fixed designs."""
    designs = (
        ("best of 2", np.array([0, 1]), None),
        ("best of 4", np.array([0, 0, 0, 1]), None),
        ("best of 6", np.array([0, 0, 0, 0, 0, 1]), None),
        ("best of 4, two as good", np.array([0, 0, 1, 1]), None),
        (f"best of 4, two as good, margin of {MARGIN} deviations", np.array([0, 0, 1, 1]), MARGIN * NORMAL_SPREAD),
    )
    rows = []
    for (name, changed, margin), effect in product(designs, EFFECTS):
        if margin is not None and effect < CLEAR:
            continue
        rng, top = np.random.default_rng([seed, 7, len(changed), effect]), changed * effect == effect * changed.max()
        values, arms = Noise("normal").draw(rng, draws, effect * changed, SEEDS), len(changed)
        found = best(values, top, spending.looks(SEEDS), margin)
        # Without a margin, arms that are as good as each other are never decided: only the others should be dropped.
        share_found = found.found if margin is None else found.found & found.ended
        runs, share = found.runs.mean(), 1 - found.runs.mean() / (arms * SEEDS)
        row = [
            f"{name}: {effect}",
            percent(share_found.mean()) if effect else "–",
            with_interval(found.error),
            f"{runs:.1f}",
        ]
        row.append(f"{arms * SEEDS} ({100 * share:.0f} %)")
        least = _smallest(values, top, share_found.mean()) if effect and margin is None else "–"
        row.append(f"{arms * least} ({100 * (1 - runs / (arms * least)):.0f} %)" if isinstance(least, int) else least)
        rows.append(row)
        if effect >= CLEAR and top.sum() == 1:
            saved.append(share)
    heads = ["design: difference in deviations", "found", "wrong (99 %)", "runs", "all 10 seeds (saved)"]
    yield from table([*heads, "smallest fixed design that finds as much (saved)"], rows)


def _smallest(values: np.ndarray, top: np.ndarray, share: float) -> int | str:
    """The smallest number of seeds with which a fixed design finds as much; a text if all seeds are not enough."""
    for seeds in range(2, SEEDS + 1):
        if fixed(values, top, seeds).found.mean() >= share:
            return seeds
    return f"more than {values.shape[1] * SEEDS}"


def main() -> int:
    """Print the tables; returns 1 if the rule does not hold outside of the skewed cells, or saves too few runs."""
    parser = argparse.ArgumentParser(prog="scripts/bench decide_simulation", description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000, help="sweeps in each cell (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
    args = parser.parse_args()
    if args.draws < 100:
        parser.error(f"--draws {args.draws}: it must be at least 100")
    held: list[bool] = []
    saved: list[float] = []
    print(f"{args.draws:,} draws, seed {args.seed}; errors and shares in %")
    tables = (
        of_savings(int(args.draws * FEW_DRAWS), args.seed, saved),
        of_candidates(args.draws, args.seed),
        of_seeds(args.draws, args.seed, held),
        of_errors(args.draws, args.seed, held),
    )
    for lines in tables:
        print("", *lines, sep="\n", flush=True)
    return int(not all(held) or min(saved) < LEAST_SAVED)


if __name__ == "__main__":
    sys.exit(main())
