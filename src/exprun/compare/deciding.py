"""The runs of a deciding sweep (`sweep=decide`): what they decide, look by look, and how `compare` judges them.

Everything is computed from the runs and their configs, so that all processes that share a sweep, and `compare` on
another machine, come to the same decisions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exprun.compare import contrasts, effects, families, sequential, spending
from exprun.compare.arms import Arm, label
from exprun.compare.design import Contrast, Family
from exprun.compare.effects import Effect
from exprun.compare.sentences import unit
from exprun.config.schema import Config
from exprun.records import Run
from exprun.seed_statistics import CONFIDENCE
from exprun.text import listed, plural

KEYS = ("goal", "metric", "max_seeds", "margin")  # settings of `sweep` that belong to the rule
ENDED = ("FINISHED", "FAILED")  # statuses of runs that are not resumed


@dataclass(frozen=True)
class Rule:
    """How a sweep decides.

    Args:
        goal: `best` or `effects`.
        metric: the metric by which it decides.
        max_seeds: the number of seeds at the last look.
        margin: the difference that does not matter, in points for accuracies; None without one.
    """

    goal: str
    metric: str
    max_seeds: int
    margin: float | None = None

    @property
    def looks(self) -> spending.Looks:
        """The planned looks."""
        return spending.looks(self.max_seeds)

    @property
    def units(self) -> float | None:
        """The margin in units of the metric."""
        return None if self.margin is None else self.margin / unit(self.metric)[0]


def rule_of(config: Config) -> Rule:
    """The rule of a sweep with `sweep=decide`."""
    sweep = config.sweep
    assert sweep.goal is not None
    assert sweep.metric is not None
    assert sweep.max_seeds is not None
    return Rule(sweep.goal, sweep.metric, sweep.max_seeds, sweep.margin)


def is_decided(config: Mapping[str, Any]) -> bool:
    """Whether a run belongs to a deciding sweep.

    Args:
        config: the settings of the run by dotted key.
    """
    return config.get("sweep.name") == "decide"


def shared_rule(runs: Sequence[Run]) -> tuple[Rule | None, str]:
    """The rule by which all runs were decided, and a warning if the tests cannot take it into account.

    Args:
        runs: the runs that are compared.

    Returns:
        The rule, None if the runs are not those of one rule; and the warning, empty without one.
    """
    inside = [run for run in runs if is_decided(run.config)]
    if not inside:
        return None, ""
    rules = {tuple(run.config.get(f"sweep.{key}") for key in KEYS) for run in inside}
    start = "The number of seeds in a deciding sweep depends on its results, which p-values and intervals do not"
    if outside := len(runs) - len(inside):
        names = [run.name for run in runs if not is_decided(run.config)]
        some = f"{names[0]} does" if outside == 1 else f"{names[0]} and {outside - 1} more do"
        return None, f"{start} take into account, as {some} not belong to it: compare the runs of the sweep alone."
    if len(rules) > 1:
        return (
            None,
            f"{start} take into account, as the sweeps have different rules: compare each alone.",
        )
    goal, metric, max_seeds, margin = rules.pop()
    assert max_seeds is not None  # the schema needs it with `sweep=decide`
    return Rule(str(goal), str(metric), int(max_seeds), margin), ""


@dataclass(frozen=True)
class Table:
    """The runs of a deciding sweep by arm and seed.

    Args:
        seeds: the seeds in their order.
        values: the metric of each run; NaN without one, (arms, seeds).
        ended: whether each run has ended, with or without a value, (arms, seeds).
    """

    seeds: list[int]
    values: np.ndarray
    ended: np.ndarray


def table_of(arms: Sequence[Arm], max_seeds: int) -> Table:
    """The runs of the arms by seed, without seeds that were not planned.

    Args:
        arms: the arms.
        max_seeds: the number of seeds at the last look.
    """
    seeds = sorted({run.seed for arm in arms for run in (*arm.runs, *arm.lost)})[:max_seeds]
    values = np.array([[arm.values.get(seed, math.nan) for seed in seeds] for arm in arms])
    failed = [{run.seed for run in arm.lost if run.status in ENDED} for arm in arms]
    ended = np.array([[seed in arm.values or seed in lost for seed in seeds] for arm, lost in zip(arms, failed)])  # noqa: B905
    return Table(seeds, values.reshape(len(arms), -1), ended.reshape(len(arms), -1))


@dataclass(frozen=True)
class Look:
    """What is known after a look.

    Args:
        seeds: the number of seeds.
        best: what is known of the best arm, of one sweep.
        decided: what is known of the contrasts, of one sweep.
        judged: whether each arm is judged at this look, (arms,).
    """

    seeds: int
    best: sequential.Best
    decided: sequential.Decided
    judged: np.ndarray


def looks_at(table: Table, rule: Rule, family: Family, low_is_better: bool) -> list[Look]:
    """What is known after each look so far.

    Args:
        table: the runs.
        rule: the rule of the sweep.
        family: the contrasts of the design, with the arms in the order of the table.
        low_is_better: whether lower is better for the metric.
    """
    weights = np.array([contrast.weights for contrast in family.contrasts]).reshape(-1, len(table.values))
    best, decided = sequential.any_best(1, len(table.values)), sequential.none_decided(1, weights)
    best = replace(best, active=best.active & ~_without_result(table))
    found = []
    for seeds in _seeds_of_looks(table, rule):
        values, judged = _until(table, seeds)
        if judged.sum() > 1:
            some = values[None], judged[None], rule.looks
            best = sequential.look_for_best(best, *some, low_is_better, rule.units)
            decided = sequential.look_at_contrasts(decided, *some, weights, family.factors, rule.units)
            found.append(Look(seeds, best, decided, judged))
    return found


def _without_result(table: Table) -> np.ndarray:
    """Whether all runs of the first look of an arm ended without a value, so that it gets no further seeds, (arms,)."""
    return np.asarray(np.isnan(table.values).all(1) & table.ended[:, : spending.FIRST_LOOK].all(1))


def _seeds_of_looks(table: Table, rule: Rule) -> range:
    """The numbers of seeds at the looks for which any arm has the runs."""
    return rule.looks.seeds[: max(0, len(table.seeds) - spending.FIRST_LOOK + 1)]


def _until(table: Table, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """The values up to a look, (arms, seeds), and whether each arm is judged there, (arms,)."""
    values = table.values[:, :seeds]
    return values, sequential.judged_at(values, table.ended[:, :seeds])


def judge(arms: Sequence[Arm], family: Family, rule: Rule, metric: str, margin: float | None = None) -> list[Effect]:
    """The effects of a family of contrasts, with p-values and intervals that hold at any look of the sweep.

    They hold for every metric, also if the sweep decided by another one: no look has more than its share of the error.
    The p-value of a contrast is the smallest repeated p-value of the looks at which its arms had the same seeds. Its
    estimate and interval are those of the last of these looks (repeated confidence intervals: Jennison and Turnbull
    1989, doi:10.1111/j.2517-6161.1989.tb01433.x).

    Args:
        arms: the arms, in the order of the weights.
        family: the contrasts.
        rule: the rule of the sweep.
        metric: the metric that is compared.
        margin: the difference that does not matter, in units of the metric; None to test no equivalence.
    """
    if not family.contrasts:
        return []
    table, weights = table_of(arms, rule.max_seeds), np.array([contrast.weights for contrast in family.contrasts])
    found, last = {}, np.zeros(len(weights), int)  # the estimates at each look; the seeds at the last one
    for seeds in _seeds_of_looks(table, rule):
        values, judged = _until(table, seeds)
        found[seeds] = sequential.estimates(values[None], judged[None], weights)
        last[(weights[:, ~judged] == 0).all(1)] = seeds

    def smallest(tests: int, margin: float | None = None) -> np.ndarray:
        """The smallest repeated p-value of each contrast, before it is multiplied by a factor."""
        each = [sequential.repeated(one, rule.looks, seeds, margin, tests)[0] for seeds, one in found.items()]
        return np.min([np.ones(len(weights)), *each], axis=0)

    alone = smallest(1)
    probability, factors = families.corrected(smallest, family.factors)
    holm = list(range(len(weights), 0, -1))
    equivalence = families.corrected(lambda tests: smallest(tests, margin), holm)[0] if margin is not None else alone
    return [
        _effect(
            arms,
            contrast,
            rule,
            metric,
            _Judgement(
                table.seeds[: last[number]],
                float(alone[number]),
                (float(probability[number]), int(factors[number])),
                math.nan if margin is None else float(equivalence[number]),
            ),
        )
        for number, contrast in enumerate(family.contrasts)
    ]


@dataclass(frozen=True)
class _Judgement:
    """The seeds at the last look at a contrast, its repeated p-value, the corrected one with its factor, and that of
    the two one-sided tests."""

    seeds: list[int]
    alone: float
    corrected: tuple[float, int]
    equivalence: float


def _effect(arms: Sequence[Arm], contrast: Contrast, rule: Rule, metric: str, judgement: _Judgement) -> Effect:
    """The effect of one contrast, estimated at its last look; with all runs, and unjudged, if there was no look."""
    if not judgement.seeds:
        effect = effects.effect(arms, contrast, effects.estimate(arms, contrast.weights, False), False, metric)
        return replace(effect, seed_half=math.nan, uncorrected=math.nan, needed=None)
    until = [only_seeds(arm, judgement.seeds) for arm in arms]
    table = table_of(until, rule.max_seeds)
    judged = sequential.judged_at(table.values, table.ended)
    complete = table.values[judged]
    blocks = not np.isnan(complete).any() and bool(contrasts.has_blocks(complete))
    found = effects.estimate(until, contrast.weights, blocks)
    known = bool(found.error[0] > 0)
    effect = effects.effect(until, contrast, found, blocks, metric)
    level = rule.looks.level(len(judgement.seeds), 1 - CONFIDENCE)
    return replace(
        effect,
        seed_half=float(found.half(1 - level)[0]) if known else effect.seed_half,
        uncorrected=judgement.alone if known else math.nan,
        probability=judgement.corrected[0] if known else math.nan,
        equivalence=judgement.equivalence if known else math.nan,
        needed=None,
    )


def only_seeds(arm: Arm, seeds: Sequence[int]) -> Arm:
    """An arm with the runs of some seeds only."""
    return replace(
        arm,
        runs=[run for run in arm.runs if run.seed in seeds],
        values={seed: value for seed, value in arm.values.items() if seed in seeds},
        lost=[run for run in arm.lost if run.seed in seeds],
        diverged=[run for run in arm.diverged if run.seed in seeds],
    )


def mean_confidence(arm: Arm, rule: Rule) -> float:
    """The confidence level of a fixed number of seeds with which the interval of an arm's mean holds at any look."""
    seeds = min(len(arm.values), rule.max_seeds)
    return 1 - rule.looks.level(seeds, 1 - CONFIDENCE) if seeds >= spending.FIRST_LOOK else CONFIDENCE


def best(arms: Sequence[Arm], family: Family, rule: Rule, low_is_better: bool) -> list[Arm] | None:
    """The arms that are not shown to be worse than another one at any look; None if there was no look.

    Args:
        arms: the arms, in the order of the weights of the contrasts.
        family: the contrasts of the design.
        rule: the rule of the sweep.
        low_is_better: whether lower is better for the metric.
    """
    looks = looks_at(table_of(arms, rule.max_seeds), rule, family, low_is_better)
    if not looks:
        return None
    return [arm for arm, active in zip(arms, looks[-1].best.active[0], strict=True) if active and arm.values]


def sentence(arms: Sequence[Arm], rule: Rule) -> str:
    """A sentence about how the sweep was sequential.

    Args:
        arms: the arms.
        rule: the rule of the sweep.
    """
    runs, most = sum(len(arm.runs) + len(arm.lost) for arm in arms), len(arms) * rule.max_seeds
    last = "" if rule.max_seeds == spending.FIRST_LOOK else f" to {rule.max_seeds}"
    goal = "the best arm" if rule.goal == "best" else "effects that are not 0"
    return (
        f"Sequential: the sweep looked for {goal} by {rule.metric}, after {spending.FIRST_LOOK}{last} "
        f"seeds, and took {runs:,} of at most {most:,} runs; p-values and intervals hold at all looks "
        "together (alpha spending of Lan and DeMets 1983)."
    )


def beyond(arms: Sequence[Arm], rule: Rule, factors: Sequence[str]) -> str:
    """A warning about runs that no look uses, because of their seeds; empty if there are none.

    Args:
        arms: the arms.
        rule: the rule of the sweep.
        factors: the keys of the factors.
    """
    seeds = table_of(arms, rule.max_seeds).seeds
    apart = [arm for arm in arms if all(run.seed != seeds[0] for run in (*arm.runs, *arm.lost))]
    if apart:
        verb = "has" if len(apart) == 1 else "have"
        return (
            f"{listed([label(arm.levels, factors) for arm in apart], 3)} {verb} no run with seed {seeds[0]}, with "
            "which the looks begin, so no look compares all arms: compare sweeps with other seeds alone."
        )
    extra = [run.name for arm in arms for run in (*arm.runs, *arm.lost) if run.seed not in seeds]
    if not extra:
        return ""
    return (
        f"{plural(len(extra), 'run')} with seeds after the {rule.max_seeds} that the deciding sweep planned "
        f"({listed(extra, 3)}): they are shown, but no test uses them."
    )
