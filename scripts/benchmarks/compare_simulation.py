"""Measure how often the methods of `compare` invent differences between arms, and how often they find real ones.

Comparisons are drawn at random on a grid of designs, numbers of seeds and kinds of noise. For each cell of the grid and
each method, the benchmark measures the family-wise error: the share of comparisons without any difference in which the
method claims at least one, at a level of 5 % for the whole family. A method holds in a cell if the 99 % Monte Carlo
interval of its error (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404) does not lie above 5 %. For the power, a
difference is added, and the share of the contrasts that are not 0 and are found is measured. With normal noise, the
difference is also made so large that it is always found, and the error among the other contrasts is measured.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.special import stdtr  # type: ignore[import-untyped]
from scipy.stats import beta  # type: ignore[import-untyped]

from exprun.compare import contrasts, families

LEVEL = 0.05  # family-wise error that a method may have
CONFIDENCE = 0.99  # confidence level of the Monte Carlo intervals
SEEDS = (2, 3, 5, 10)
EFFECT = {2: 6.0, 3: 4.0, 5: 2.5, 10: 1.5}  # the added difference in standard deviations over seeds, by seeds
LARGE = 1e4  # the difference that is always found, in standard deviations
PERMUTATIONS = 199  # random permutations of each comparison
PERMUTED = 0.05  # share of the draws that the permutation test gets, which takes about 100 times as long
CHUNK = 50  # comparisons that are permuted at a time
NORMAL_MEAN, NORMAL_SPREAD = 0.5, 0.005  # accuracies far from 0 and 100 %
HIGH_MEAN, HIGH_SPREAD = 0.99, 0.01  # skewed accuracies: a beta distribution
CHANCE = 0.1  # accuracy of a run that diverged
# From metrics (draws, arms, seeds) and weights (contrasts, arms) to p-values (draws, contrasts), or to estimates, whose
# p-values depend on the factor of the correction.
Method = Callable[[np.ndarray, np.ndarray], np.ndarray | contrasts.Estimates]


@dataclass(frozen=True)
class Design:
    """A design, with its contrasts.

    Args:
        name: the name in the table.
        weights: the contrasts, (contrasts, arms).
        changed: 1 for the arms that get the added difference, else 0.
        groups: the numbers of contrasts that can be 0 at the same time, for `families.multipliers`.
    """

    name: str
    weights: np.ndarray
    changed: np.ndarray
    groups: tuple[frozenset[int], ...]

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.weights.shape[1]

    @property
    def differs(self) -> np.ndarray:
        """Whether the added difference changes each contrast, (contrasts,)."""
        return np.abs(self.weights @ self.changed) > 1e-9


@dataclass(frozen=True)
class Noise:
    """A kind of noise.

    Args:
        kind: `normal`, `skewed` (near 100 %) or `diverged` (one run of the comparison).
        ratio: the standard deviation of the first arm in units of that of the others.
        correlation: the correlation between the arms' metrics of the same seed.
    """

    kind: str
    ratio: float = 1.0
    correlation: float = 0.0

    @property
    def name(self) -> str:
        """The name in the table."""
        if self.kind == "diverged":
            return "one run diverged"
        spread = "equal spread" if self.ratio == 1 else f"one arm {self.ratio:g} times as wide"
        return f"{'99 %, skewed, ' if self.kind == 'skewed' else ''}{spread}" + (
            f", correlation {self.correlation:g}" if self.correlation else ""
        )

    def draw(self, rng: np.random.Generator, draws: int, shift: np.ndarray, seeds: int) -> np.ndarray:
        """Draw comparisons without a difference except for the shift; returns accuracies (draws, arms, seeds).

        Args:
            rng: the source of random numbers.
            draws: the number of comparisons.
            shift: the difference that is added to each arm, in standard deviations, (arms,).
            seeds: the number of seeds.
        """
        arms = len(shift)
        shape = (draws, arms, seeds)
        spread = np.ones(arms)
        spread[0] = self.ratio
        if self.kind == "skewed":  # the wide arm has a spread of HIGH_SPREAD, and the others have less
            spread *= HIGH_SPREAD / self.ratio
            error = 1 - HIGH_MEAN + shift * spread
            size = error * (1 - error) / spread**2 - 1
            return 1 - rng.beta((error * size)[:, None], ((1 - error) * size)[:, None], size=shape)
        noise = rng.normal(size=shape) * np.sqrt(1 - self.correlation)
        noise += np.sqrt(self.correlation) * rng.normal(size=(draws, 1, seeds))
        values = NORMAL_MEAN + NORMAL_SPREAD * (noise * spread[:, None] + shift[:, None])
        if self.kind == "diverged":
            values.reshape(draws, -1)[np.arange(draws), rng.integers(arms * seeds, size=draws)] = CHANCE
        return values


NOISES = (
    *(Noise("normal", ratio, correlation) for ratio, correlation in product((1, 5, 20), (0, 0.4, 0.8))),
    *(Noise("skewed", ratio) for ratio in (1, 5, 20)),
    Noise("diverged"),
)


def _pairs(levels: int) -> np.ndarray:
    weights = np.zeros((levels * (levels - 1) // 2, levels))
    for row, (first, second) in zip(weights, combinations(range(levels), 2), strict=True):
        row[[first, second]] = -1, 1
    return weights


def _crossed(levels: int) -> np.ndarray:
    """The contrasts of a factor with two levels and one with more: main effects, then interactions with the first."""
    pairs = _pairs(levels)
    main = np.kron([[-1, 1]], np.ones(levels)) / levels
    interactions = np.kron([[-1, 1]], pairs[: levels - 1])
    return np.vstack([main, np.kron([[1, 1]], pairs) / 2, interactions])


def _one_factor(levels: int) -> Design:
    changed = np.eye(levels)[-1]
    return Design(f"{levels} levels", _pairs(levels), changed, (families.pairs_alike(levels),))


def _two_factors(levels: int) -> Design:
    free = frozenset({0, 1})
    groups = (free, families.pairs_alike(levels), *[free] * (levels - 1))
    return Design(f"2x{levels}", _crossed(levels), np.repeat([0.0, 1.0], levels), groups)


DESIGNS = (_one_factor(2), _one_factor(3), _two_factors(2), _one_factor(6), _two_factors(3))


# ---- Methods ---------------------------------------------------------------------------------------------------------


def today(values: np.ndarray, weights: np.ndarray) -> contrasts.Estimates:
    """Paired t tests: the contrast of each seed."""
    return contrasts.by_seed(values, weights)


def welch(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Welch's contrasts with Satterthwaite's degrees of freedom, as they are in textbooks."""
    return _by_arm(values, weights)


def hc3(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Contrasts with the standard errors HC3 (MacKinnon and White 1985), and the residual degrees of freedom."""
    arms, seeds = values.shape[1:]
    return _by_arm(values, weights, inflation=seeds / (seeds - 1), freedom=arms * (seeds - 1))


def hc3_satterthwaite(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Contrasts with the standard errors HC3, and Satterthwaite's degrees of freedom."""
    seeds = values.shape[2]
    return _by_arm(values, weights, inflation=seeds / (seeds - 1))


def lowest_freedom(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Welch's contrasts with the degrees of freedom of a single arm."""
    return _by_arm(values, weights, freedom=values.shape[2] - 1)


def pooled(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Contrasts of the analysis of variance, with one variance for all arms."""
    arms, seeds = values.shape[1:]
    error = np.sqrt(values.var(2, ddof=1).mean(1)[:, None] * (weights**2).sum(1) / seeds)
    return _two_sided(values.mean(2) @ weights.T, error, arms * (seeds - 1))


def mixed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Contrasts of a mixed model with a random intercept for each seed, estimated by REML.

    In a balanced design the estimates of REML are those of the analysis of variance, or a variance of 0 between seeds
    if that would be negative (Searle, Casella and McCulloch 1992, Variance Components, section 4.5).
    """
    arms, seeds = values.shape[1:]
    rest = values - values.mean(2, keepdims=True)
    block = rest.mean(1, keepdims=True)
    between, within = arms * (block**2).sum((1, 2)), ((rest - block) ** 2).sum((1, 2))
    degrees = (arms - 1) * (seeds - 1)
    negative = between / (seeds - 1) < within / degrees
    freedom = np.where(negative, arms * (seeds - 1), degrees)
    variance = np.where(negative, between + within, within) / freedom
    error = np.sqrt(variance[:, None] * (weights**2).sum(1) / seeds)
    return _two_sided(values.mean(2) @ weights.T, error, freedom[:, None])


def logit(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Welch's contrasts of log odds."""
    inside = np.clip(values, 1e-6, 1 - 1e-6)
    return _by_arm(np.log(inside / (1 - inside)), weights)


def arcsine(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Welch's contrasts of the arcsines of the roots of accuracies."""
    return _by_arm(np.arcsin(np.sqrt(np.clip(values, 0, 1))), weights)


def corrected_freedom(values: np.ndarray, weights: np.ndarray) -> contrasts.Estimates:
    """The contrasts of `compare`, without blocks."""
    counts = np.full(values.shape[1], values.shape[2])
    return contrasts.by_arm(values.mean(2), values.var(2, ddof=1), counts, weights)


def of_compare(values: np.ndarray, weights: np.ndarray) -> contrasts.Estimates:
    """The contrasts of `compare`: corrected degrees of freedom, and seeds as blocks where they are alike."""
    return contrasts.estimates(values, weights)


def _by_arm(
    values: np.ndarray, weights: np.ndarray, inflation: float = 1.0, freedom: float | None = None
) -> np.ndarray:
    seeds = values.shape[2]
    squared = values.var(2, ddof=1) / seeds
    error = squared @ (weights**2).T
    if freedom is None:
        degrees = error**2 / (squared**2 @ (weights**4).T) * (seeds - 1)
    else:
        degrees = np.full(error.shape, float(freedom))
    return _two_sided(values.mean(2) @ weights.T, np.sqrt(inflation * error), degrees)


def _two_sided(estimate: np.ndarray, error: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    return np.asarray(2 * stdtr(freedom, -np.abs(estimate) / error))


METHODS: dict[str, Method] = {
    "paired t (before)": today,
    "Welch": welch,
    "Welch, df of one arm": lowest_freedom,
    "HC3": hc3,
    "HC3, Satterthwaite": hc3_satterthwaite,
    "one variance": pooled,
    "mixed model": mixed,
    "Welch of logits": logit,
    "Welch of arcsines": arcsine,
    "corrected df": corrected_freedom,
    "corrected df, blocks": of_compare,
}
PERMUTATION, WINNER = "permutation", "compare"  # further methods, whose families are corrected in other ways
SHOWN = (WINNER, "paired t (before)", "Welch", PERMUTATION)  # the methods in the table of designs


def permutation(values: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The corrected p-values of a permutation test: the runs of all arms are exchanged, (draws, contrasts).

    The largest of Welch's t over the family is compared with that of each permutation (Westfall and Young 1993,
    Resampling-Based Multiple Testing, section 2.6).
    """
    draws, arms, seeds = values.shape
    found = np.empty((draws, len(weights)))
    orders = rng.permuted(np.tile(np.arange(arms * seeds), (PERMUTATIONS, 1)), axis=1)
    for start in range(0, draws, CHUNK):
        some = values[start : start + CHUNK]
        exchanged = some.reshape(len(some), -1)[:, orders].reshape(-1, arms, seeds)
        largest = _t(exchanged, weights).max(1).reshape(len(some), PERMUTATIONS, 1)
        beyond = (largest >= _t(some, weights)[:, None] * (1 - 1e-9)).sum(1)
        found[start : start + CHUNK] = (1 + beyond) / (1 + PERMUTATIONS)
    return found


def _t(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    error = np.sqrt(values.var(2, ddof=1) @ (weights**2).T / values.shape[2])
    return np.abs(values.mean(2) @ weights.T) / np.maximum(error, 1e-300)


def claims(found: np.ndarray | contrasts.Estimates, factors: list[int]) -> np.ndarray:
    """Whether each contrast is claimed to differ from 0 after correction by the factors, (draws, contrasts)."""
    if isinstance(found, np.ndarray):
        probabilities = found
        return families.corrected(lambda factor: probabilities, factors)[0] < LEVEL
    estimates = found
    return families.corrected(lambda factor: estimates.probability(tests=factor), factors)[0] < LEVEL


# ---- Measurement -----------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a method does in a cell of the grid.

    Args:
        wrong: the number of comparisons in which the method claims a contrast that is 0, in each of the situations.
        draws: the number of comparisons in each situation.
        power: the share of the contrasts that are not 0 and are found.
    """

    wrong: list[int]
    draws: int
    power: float = np.nan

    @property
    def error(self) -> float:
        """The largest family-wise error of the situations."""
        return max(self.wrong) / self.draws

    @property
    def interval(self) -> tuple[float, float]:
        """The Monte Carlo interval of the error, by Clopper and Pearson."""
        wrong, side = max(self.wrong), (1 - CONFIDENCE) / 2
        low = beta.ppf(side, wrong, self.draws - wrong + 1) if wrong else 0.0
        high = beta.ppf(1 - side, wrong + 1, self.draws - wrong) if wrong < self.draws else 1.0
        return float(low), float(high)

    @property
    def holds(self) -> bool:
        """Whether the interval does not lie above the level."""
        return self.interval[0] <= LEVEL


def measure(design: Design, seeds: int, noise: Noise, draws: int, rng: np.random.Generator) -> dict[str, Result]:
    """The error and the power of each method in a cell of the grid.

    Args:
        design: the design.
        seeds: the number of seeds.
        noise: the noise.
        draws: the number of comparisons.
        rng: the source of random numbers.
    """
    nothing, effect = np.zeros(design.arms), EFFECT[seeds] * design.changed
    without = noise.draw(rng, draws, nothing, seeds)
    with_effect = noise.draw(rng, draws, effect, seeds)
    situations = [(without, np.ones(len(design.weights), bool))]
    if noise.kind == "normal" and not design.differs.all():
        large = NORMAL_SPREAD * LARGE * design.changed[:, None]
        situations.append((noise.draw(rng, draws, nothing, seeds) + large, ~design.differs))
    holm = list(range(len(design.weights), 0, -1))
    methods: list[tuple[str, Method, list[int]]] = [(name, method, holm) for name, method in METHODS.items()]
    methods.append((WINNER, of_compare, families.multipliers(design.groups)))
    results = {}
    for name, method, factors in methods:
        wrong = [int(claims(method(v, design.weights), factors)[:, zero].any(1).sum()) for v, zero in situations]
        found = claims(method(with_effect, design.weights), factors)[:, design.differs].mean()
        results[name] = Result(wrong, draws, float(found))
    few = max(CHUNK, int(PERMUTED * draws))
    p_wrong, p_found = (permutation(v[:few], design.weights, rng) for v in (without, with_effect))
    wrong_ones = int((p_wrong <= LEVEL).any(1).sum())
    results[PERMUTATION] = Result([wrong_ones], len(p_wrong), float((p_found[:, design.differs] <= LEVEL).mean()))
    return results


def percent(value: float) -> str:
    """A share as a percentage without its sign."""
    return f"{100 * value:.1f}"


def with_interval(result: Result) -> str:
    """The error of a result with its Monte Carlo interval."""
    low, high = result.interval
    return f"{percent(result.error)} ({percent(low)}–{percent(high)})"


def table(headings: list[str], rows: list[list[str]]) -> Iterator[str]:
    """The lines of a Markdown table; all columns after the first are numbers."""
    yield f"| {' | '.join(headings)} |"
    yield f"| --- |{' ---: |' * (len(headings) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


Cell = tuple[Design, int, Noise, dict[str, Result]]


def of_methods(cells: list[Cell]) -> Iterator[str]:
    """The table of methods: where they hold, their largest error, and their power."""
    tame = [cell for cell in cells if cell[2].kind != "skewed"]
    rows = []
    for name in (*METHODS, WINNER, PERMUTATION):
        highest = max((results[name] for *_, results in tame), key=lambda result: result.error)
        fails = [sum(not results[name].holds for *_, results in some) for some in (tame, cells)]
        normal = [(seeds, results[name].power) for _, seeds, noise, results in tame if noise.kind == "normal"]
        power = [np.mean([found for seeds, found in normal if seeds == some]) for some in SEEDS]
        error = with_interval(highest)
        rows.append(
            [name, f"{fails[0]} of {len(tame)}", f"{fails[1] - fails[0]} of {len(cells) - len(tame)}", error]
            + [f"{100 * value:.0f}" for value in power]
        )
    seeds = [f"power, {seeds} seeds" for seeds in SEEDS]
    yield from table(["method", "does not hold", "… near 100 %, skewed", "largest error (99 %)", *seeds], rows)


def of_designs(cells: list[Cell]) -> Iterator[str]:
    """The table of `compare`: its largest error, and its power next to the method before and a permutation test."""
    shown = (Noise("normal"), Noise("normal", correlation=0.8), Noise("normal", 5), Noise("normal", 20))
    rows = []
    for design, seeds in product(DESIGNS, SEEDS):
        here = {noise: found for d, s, noise, found in cells if (d.name, s) == (design.name, seeds)}
        errors = [found[WINNER] for noise, found in here.items() if noise.kind != "skewed"]
        power = [" / ".join(f"{100 * here[noise][name].power:.0f}" for name in SHOWN) for noise in shown]
        rows.append([f"{design.name}, {seeds} seeds", with_interval(max(errors, key=lambda r: r.error)), *power])
    yield f"Power of {' / '.join(SHOWN)}:"
    yield ""
    yield from table(["design", "largest error of compare (99 %)", *(noise.name for noise in shown)], rows)


def of_region(cells: list[Cell]) -> Iterator[str]:
    """The table of the error of `compare` near 100 %.

    In brackets is the lowest error of the other methods except the permutation test, which has few draws, and claims no
    difference at all where it has few runs.
    """
    shown = [noise for noise in NOISES if noise.kind == "skewed"]
    rows = []
    for design, seeds in product(DESIGNS, SEEDS):
        here = {noise: found for d, s, noise, found in cells if (d.name, s) == (design.name, seeds)}
        errors = []
        for noise in shown:
            lowest = min(result.error for name, result in here[noise].items() if name not in (WINNER, PERMUTATION))
            text = f"{with_interval(here[noise][WINNER])} [{percent(lowest)}]"
            errors.append(text if here[noise][WINNER].holds else f"**{text}**")
        rows.append([f"{design.name}, {seeds} seeds", *errors])
    yield "Error of compare near 100 %, and in brackets the lowest of the other methods except the permutation test:"
    yield ""
    yield from table(["design", *(noise.name for noise in shown)], rows)


def of_cells(cells: list[Cell]) -> Iterator[str]:
    """The table of all cells and methods."""
    rows = []
    for design, seeds, noise, results in cells:
        for name, result in results.items():
            power = f"{100 * result.power:.0f}"
            rows.append([f"{design.name}, {seeds} seeds, {noise.name}: {name}", with_interval(result), power])
    yield from table(["cell and method", "error (99 %)", "power"], rows)


def main() -> int:
    """Measure the grid and print the tables; returns 1 if `compare` does not hold outside of the skewed cells."""
    parser = argparse.ArgumentParser(prog="scripts/bench compare_simulation", description=__doc__)
    parser.add_argument("--draws", type=int, default=20_000, help="comparisons of each cell (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument("--cells", action="store_true", help="also print a table of all cells and methods")
    args = parser.parse_args()
    if args.draws < CHUNK:
        parser.error(f"--draws {args.draws}: it must be at least {CHUNK}")
    cells: list[Cell] = []
    for number, (design, seeds, noise) in enumerate(product(DESIGNS, SEEDS, NOISES)):
        rng = np.random.default_rng([args.seed, number])
        cells.append((design, seeds, noise, measure(design, seeds, noise, args.draws, rng)))
        print(f"{design.name}, {seeds} seeds, {noise.name}", file=sys.stderr, flush=True)
    print(f"{args.draws:,} draws, seed {args.seed}; errors and power in %")
    for lines in (of_methods(cells), of_designs(cells), of_region(cells), *([of_cells(cells)] if args.cells else [])):
        print("", *lines, sep="\n")
    return int(not all(results[WINNER].holds for _, _, noise, results in cells if noise.kind != "skewed"))


if __name__ == "__main__":
    sys.exit(main())
