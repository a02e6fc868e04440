"""The contrasts of a design: main effects, interactions, pairs of arms, and those that a person asks for."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np

from exprun.compare import families
from exprun.compare.arms import Arm, Levels, label
from exprun.config.errors import ConfigError

AGAINST = " against "
MAX_ARMS = 10  # arms whose pairs are compared if the design allows no effects of factors
EXAMPLE = "norm=batch,optim=rmsprop against norm=none,optim=rmsprop"
Cell = Mapping[Levels, list[int]]  # the places of arms in the list of arms, by the levels of the other factors


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of the means of arms.

    Args:
        factor: the key of the factor, or of both factors of an interaction; empty for pairs of arms and chosen
            contrasts.
        change: what is compared, as text.
        weights: the weight of each arm, by its place in the list of arms, (arms,).
        part: the share of the design that the contrast uses, as text; empty if it uses all of it.
    """

    factor: tuple[str, ...]
    change: str
    weights: np.ndarray
    part: str = ""


@dataclass(frozen=True)
class Family:
    """The contrasts that are tested together.

    Args:
        contrasts: the contrasts.
        factors: the factors of their sorted p-values, from `families.multipliers`.
    """

    contrasts: list[Contrast]
    factors: list[int]


@dataclass(frozen=True)
class Grid:
    """The arms with values, by their levels.

    Args:
        arms: all arms, in the order of the weights.
        factors: the keys of the factors.
    """

    arms: Sequence[Arm]
    factors: Sequence[str]

    def levels(self, index: int) -> list[str]:
        """The levels of a factor, in the order of their first arms."""
        return list(dict.fromkeys(arm.levels[index] for arm in self.arms if arm.values))

    @property
    def missing(self) -> int:
        """The number of combinations of levels without a value."""
        total = math.prod(len(self.levels(index)) for index in range(len(self.factors)))
        return total - sum(bool(arm.values) for arm in self.arms)

    def first_missing(self, most: int) -> list[Levels]:
        """The first combinations of levels without a value; there may be too many to list all of them.

        Args:
            most: the largest number of combinations.
        """
        present = {arm.levels for arm in self.arms if arm.values}
        combined = product(*(self.levels(index) for index in range(len(self.factors))))
        return list(islice((levels for levels in combined if levels not in present), most))

    @property
    def can_judge(self) -> bool:
        """Whether each arm with values has two seeds or more."""
        return all(len(arm.values) > 1 for arm in self.arms if arm.values)

    def cells(self, chosen: Sequence[int], fixed: Iterable[int]) -> dict[Levels, Cell]:
        """The arms with values by their levels of the chosen factors, in the order of their first arms.

        Args:
            chosen: the indices of the chosen factors.
            fixed: the indices of the factors over which cells are not averaged together.
        """
        others = sorted(set(range(len(self.factors))) - set(fixed))
        found: dict[Levels, dict[Levels, list[int]]] = {}
        for place, arm in enumerate(self.arms):
            if arm.values:
                cell = found.setdefault(tuple(arm.levels[index] for index in chosen), {})
                cell.setdefault(tuple(arm.levels[index] for index in others), []).append(place)
        return dict(found)

    def contrast(self, cells: Sequence[tuple[Cell, float]]) -> tuple[np.ndarray, str]:
        """The weights of a contrast of cells, (arms,), and the part of the design that it uses.

        Each cell is averaged over the combinations of the other factors that all cells have. Combinations with a single
        seed are left out if there are others.

        Args:
            cells: the cells with their weights, from `cells` with the same fixed factors.

        Returns:
            The weights, all 0 if the cells have no combination in common.
        """
        places = [cell for cell, _ in cells]
        common = [others for others in places[0] if all(others in found for found in places)]
        several = [
            others
            for others in common
            if all(len(self.arms[place].values) > 1 for found in places for place in found[others])
        ]
        used = several or common
        weights = np.zeros(len(self.arms))
        for cell, weight in cells:
            for others in used:
                weights[cell[others]] += weight / len(used) / len(cell[others])
        every = len({others for found in places for others in found})
        part = f"over {len(used)} of {every} combinations of the other factors" if len(used) < every else ""
        return weights, part if used else ""


def family(arms: Sequence[Arm], factors: Sequence[str], chosen: Sequence[str] = ()) -> Family:
    """The contrasts that are tested together.

    Without chosen contrasts, these are the main effects (each pair of levels of each factor) and the interactions of
    each pair of factors. If the design does not allow any of them, they are the differences between all pairs of arms,
    for at most `MAX_ARMS` arms.

    Args:
        arms: the arms.
        factors: the keys of the factors.
        chosen: the contrasts that a person asks for; they replace all others.

    Raises:
        ConfigError: a chosen contrast is not one of the design.
    """
    grid = Grid(arms, factors)
    if chosen:
        found = [_chosen(grid, text) for text in chosen]
        return Family(found, families.multipliers([frozenset({0, 1})] * len(found)))
    main = [list(_main_effects(grid, index)) for index in range(len(factors))]
    interactions = [contrast for pair in combinations(range(len(factors)), 2) for contrast in _interactions(grid, pair)]
    found = [contrast for contrasts in main for contrast in contrasts] + interactions
    if not found:
        present = [place for place, arm in enumerate(arms) if arm.values]
        present = present if len(present) <= MAX_ARMS else []
        found = [_pair(grid, *pair) for pair in combinations(present, 2)]
        groups = [families.pairs_alike(len(present))]
    elif not grid.missing and grid.can_judge:
        groups = [families.pairs_alike(len(grid.levels(index))) for index in range(len(factors))]
        groups += [frozenset({0, 1})] * len(interactions)
    else:  # contrasts over different combinations do not restrict each other
        groups = [frozenset({0, 1})] * len(found)
    return Family(found, families.multipliers(groups))


def _main_effects(grid: Grid, index: int) -> Iterable[Contrast]:
    """The effect of a factor for each pair of its levels; the level that came first is the baseline."""
    factor, cells = grid.factors[index], grid.cells([index], [index])
    for (first,), (second,) in _alike(cells):
        weights, part = grid.contrast([(cells[first,], -1.0), (cells[second,], 1.0)])
        yield Contrast((factor,), f"{factor}={second} against {factor}={first}", weights, part)


def _alike(cells: Mapping[Levels, Cell]) -> list[tuple[Levels, Levels]]:
    """The pairs of cells with a combination of the other factors in common, in the order of the cells.

    In a search hardly any of the pairs has one, so the pairs are not tried one by one.
    """
    numbers: dict[Levels, list[int]] = {}
    for number, cell in enumerate(cells.values()):
        for others in cell:
            numbers.setdefault(others, []).append(number)
    names = list(cells)
    pairs = {pair for some in numbers.values() for pair in combinations(some, 2)}
    return [(names[first], names[second]) for first, second in sorted(pairs)]


def _interactions(grid: Grid, pair: tuple[int, int]) -> Iterable[Contrast]:
    """The interactions of two factors, each level compared with the level that came first."""
    (a, b), (first, second) = pair, (grid.factors[pair[0]], grid.factors[pair[1]])
    (base_a, *more_a), (base_b, *more_b) = grid.levels(a), grid.levels(b)
    cells = grid.cells(pair, pair)
    base = cells.get((base_a, base_b), {})

    def can_be_compared(*levels: str) -> bool:
        """Whether a cell has a combination of the other factors in common with the cell of the first levels."""
        return not base.keys().isdisjoint(cells.get(levels, {}))

    some_a = [level for level in more_a if can_be_compared(level, base_b)]
    some_b = [level for level in more_b if can_be_compared(base_a, level)]
    for level_a, level_b in product(some_a, some_b):
        if not can_be_compared(level_a, level_b):
            continue
        signs = {(base_a, base_b): 1.0, (base_a, level_b): -1.0, (level_a, base_b): -1.0, (level_a, level_b): 1.0}
        weights, part = grid.contrast([(cells[levels], sign) for levels, sign in signs.items()])
        if weights.any():
            change = f"{first}={level_a} against {base_a}, at {second}={level_b} more than at {second}={base_b}"
            yield Contrast((first, second), change, weights, part)


def _pair(grid: Grid, first: int, second: int) -> Contrast:
    weights = np.zeros(len(grid.arms))
    weights[[first, second]] = -1, 1
    names = [label(grid.arms[place].levels, grid.factors) for place in (second, first)]
    return Contrast((), AGAINST.join(names), weights)


def _chosen(grid: Grid, text: str) -> Contrast:
    """The contrast that `--contrast` describes: `norm=batch,optim=rmsprop against norm=none,optim=rmsprop`."""
    sides = text.split(AGAINST)
    if len(sides) != 2:
        raise ConfigError(f"--contrast {text}: write it as two sides, for example '{EXAMPLE}'.")
    after, before = (_side(grid, side, text) for side in sides)
    fixed = after.keys() | before.keys()
    cells = [grid.cells(tuple(side), fixed).get(tuple(side.values()), {}) for side in (after, before)]
    weights, part = grid.contrast([(cells[0], 1.0), (cells[1], -1.0)])
    if after == before:
        raise ConfigError(f"--contrast {text}: both sides are the same runs.")
    if not weights.any():
        raise ConfigError(f"--contrast {text}: the two sides have no runs at the same levels of the other factors.")
    return Contrast((), " ".join(text.split()), weights, part)


def _side(grid: Grid, side: str, text: str) -> dict[int, str]:
    """The levels that a side of a chosen contrast names, by the index of the factor."""
    found: dict[int, str] = {}
    for setting in re.split(r",\s*(?=[^,=\s]+=)", side.strip()):
        factor, mark, level = (word.strip() for word in setting.partition("="))
        if not mark:
            raise ConfigError(f"--contrast {text}: {setting or 'nothing'} is not factor=level, as in '{EXAMPLE}'.")
        if factor not in grid.factors:
            factors = ", ".join(grid.factors) or "none"
            raise ConfigError(f"--contrast {text}: {factor} is not a factor; the factors are {factors}.")
        index = list(grid.factors).index(factor)
        if level not in grid.levels(index):
            levels = ", ".join(grid.levels(index))
            raise ConfigError(f"--contrast {text}: no finished run has {factor}={level}; the levels are {levels}.")
        if index in found:
            raise ConfigError(f"--contrast {text}: {factor} is given twice on one side.")
        found[index] = level
    return found
