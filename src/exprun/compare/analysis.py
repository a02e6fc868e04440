"""The analysis of a comparison: arms, effects of factors, interactions, and warnings about unfair comparisons."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from exprun.config.errors import ConfigError
from exprun.config.schema import GROUPS, GROUPS_APART
from exprun.records import Run, shown
from exprun.run_folder import CODE
from exprun.seed_statistics import CONFIDENCE, Difference, Interval, deviation, difference, holm, interval
from exprun.text import listed

METRIC = "val/accuracy"
LEARNING_RATE = "optim.learning_rate"
# Keys that are never factors: settings that change no result, and the seed, whose runs are repeats.
NEVER_FACTORS = ("seed", "run_dir", "progress", "data.cache", "trainer.resume", "trainer.log_every", "trainer.profile")
# The entries of the environment that should be the same in all runs of a comparison, and their names in warnings.
SHOULD_AGREE = {
    "commit": "code",
    "changes": "uncommitted code",
    CODE: "code of the builder",
    "version": "version of exprun",
    "data_fingerprint": "images",
    "weights_fingerprint": "first weights",
    "precision": "precision",
    "device": "device",
    "tensorflow": "version of TensorFlow",
    "keras": "version of Keras",
}
# Further entries of the environment, and their names in warnings: they change a metric about as much as another seed.
COMPUTING = {
    "intra_op_threads": "threads per operation",
    "onednn": "oneDNN",
    "instructions": "instructions",
    "variables": "variables",
}
Levels = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """The runs that differ only in the seed.

    Args:
        levels: the level of each factor.
        runs: the finished runs, one for each seed.
        values: the value of the compared metric by seed.
        lost: the runs that did not finish.
    """

    levels: Levels
    runs: list[Run]
    values: dict[int, float]
    lost: list[Run] = field(default_factory=list)

    @property
    def interval(self) -> Interval:
        """The mean over seeds and its confidence interval."""
        return interval(list(self.values.values()))

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds; NaN with one seed."""
        return deviation(list(self.values.values()))

    @property
    def seconds(self) -> float:
        """The mean time of training and evaluation in seconds; NaN if no run recorded it."""
        seconds = [run.metrics["time/seconds"] for run in self.runs if "time/seconds" in run.metrics]
        return math.fsum(seconds) / len(seconds) if seconds else math.nan


@dataclass(frozen=True)
class Effect:
    """The effect of a factor on the metric, or the interaction of two factors.

    An interaction is the difference between the effect of the first factor at the second level of the other factor and
    its effect at the first level.

    Args:
        factor: the key of the factor; two keys for an interaction.
        change: the levels that are compared, as text.
        difference: the difference in the metric, averaged over all other factors, seed by seed.
        probability: the p-value, corrected for the number of effects (Holm); NaN with too few seeds.
    """

    factor: tuple[str, ...]
    change: str
    difference: Difference
    probability: float = math.nan

    @property
    def certain(self) -> bool:
        """Whether an effect of this size is unlikely to be seed noise (corrected p-value below 0.05)."""
        return self.probability < 1 - CONFIDENCE


@dataclass(frozen=True)
class Analysis:
    """The result of a comparison.

    Args:
        metric: the metric that is compared.
        factors: the keys of the factors.
        arms: the arms, the best first.
        effects: the effects of single factors, then the interactions of pairs.
        warnings: sentences about what makes the comparison unfair or uncertain.
        lost: the runs that did not finish.
        tuned: a sentence with the learning rate of each arm; empty without `sweep=tuned`.
    """

    metric: str
    factors: tuple[str, ...]
    arms: list[Arm]
    effects: list[Effect]
    warnings: list[str]
    lost: list[Run]
    tuned: str = ""

    @property
    def unit(self) -> tuple[float, str]:
        """The factor by which a difference is multiplied before it is printed, and the unit printed after it."""
        return (100, " points") if "accuracy" in self.metric else (1, "")

    def sentences(self) -> list[str]:
        """A sentence about each effect."""
        return [self._sentence(effect) for effect in self.effects]

    def _sentence(self, effect: Effect) -> str:
        scale, unit = self.unit
        mean, seeds = effect.difference.interval, effect.difference.seeds
        form = "+.1f" if scale == 100 else "+.3g"
        start = f"{effect.change}: {scale * mean.mean:{form}}{unit} of {self.metric}"
        if math.isnan(effect.probability):
            return f"{start} ({_seeds(seeds)}), which may be seed noise: run more seeds to find out."
        ends = f"95 % interval {scale * mean.low:{form}} to {scale * mean.high:{form}}"
        pairs = ", paired" if effect.difference.paired else ""
        count = len(self.effects)
        corrected = f" after correction for {count} comparisons" if count > 1 else ""
        sentence = f"{start}, {ends} ({_seeds(seeds)}{pairs}; {_probability(effect.probability)}{corrected})"
        if effect.certain:
            return f"{sentence}: more than seed noise."
        needed = effect.difference.needed
        more = f"; about {needed:,} seeds of each are needed to detect a difference of this size" if needed else ""
        return f"{sentence}: it may be seed noise{more}."


def analyse(runs: Sequence[Run], by: Sequence[str] | None = None, metric: str = METRIC) -> Analysis:
    """Compare runs.

    Args:
        runs: the runs, at least two.
        by: the factors, each the key of a setting or a group whose options are compared; None for all settings that
            vary.
        metric: the final metric that is compared, by its name in MLflow.

    Raises:
        ConfigError: no finished run has the metric, a factor is not a setting or does not vary, or runs with the same
            levels and seed differ in another setting.
    """
    runs = [run for run in runs if not _chose_learning_rate(run)]
    if not runs:
        raise ConfigError(
            "All runs so far belong to the first part of sweep=tuned, which chooses the learning rates; run the sweep "
            "to its end first."
        )
    ended = [run for run in runs if run.status == "FINISHED" and metric in run.metrics]
    lost = [run for run in runs if run not in ended]
    if not ended:
        raise ConfigError(_none_has(runs, metric))
    vary = varying(runs)
    factors = tuple(vary) if by is None else tuple(by)
    for factor in factors:
        if by is not None and len({shown(run.setting(factor)) for run in runs}) < 2:
            keys = ", ".join(vary) or "nothing but the seed"
            raise ConfigError(f"--by {factor}: the runs do not differ in {factor}; they differ in {keys}.")
    arms, repeated = _arms(ended, lost, factors, [key for key in vary if key not in factors], metric)
    uncorrected = [*_effects(arms, factors), *_interactions(arms, factors)]
    corrected = holm([effect.difference.probability for effect in uncorrected])
    effects = [
        Effect(effect.factor, effect.change, effect.difference, probability)
        for effect, probability in zip(uncorrected, corrected, strict=True)
    ]
    sign = 1 if is_better_low(metric) else -1
    arms.sort(key=lambda arm: sign * arm.interval.mean if arm.values else math.inf)
    warnings = [*repeated, *_unfair(runs, ended, arms, factors, vary, metric)]
    return Analysis(metric, factors, arms, effects, warnings, lost, _tuned(arms, factors))


def _chose_learning_rate(run: Run) -> bool:
    """Whether the run belongs to the part of `sweep=tuned` that only chooses the learning rate."""
    return run.config.get("sweep.name") == "tuned" and run.seed == run.config.get("sweep.tuning_seed")


def _all_tuned(runs: Iterable[Run]) -> bool:
    return all(run.config.get("sweep.name") == "tuned" for run in runs)


def _tuned(arms: Sequence[Arm], factors: Sequence[str]) -> str:
    """A sentence with the learning rate of each arm; empty unless all arms tested the same number of them."""
    runs = [run for arm in arms for run in arm.runs]
    tested = {len(run.config.get("sweep.rates") or ()) for run in runs}
    if not _all_tuned(runs) or len(tested) != 1:
        return ""
    chosen = [f"{label(arm.levels, factors)}: {shown(arm.runs[0].setting(LEARNING_RATE))}" for arm in arms if arm.runs]
    return (
        f"Each arm was run at the best of {tested.pop()} learning rates, chosen by validation in runs with another "
        f"seed ({', '.join(chosen)})."
    )


def is_better_low(metric: str) -> bool:
    """Whether lower is better for a metric: it is for losses and times."""
    return "loss" in metric or metric == "time/seconds"


def varying(runs: Sequence[Run]) -> list[str]:
    """The keys in which runs differ, except those that change no result.

    If runs have different options of a group, the list has the group and not each of its settings. A single setting
    is listed if it differs between runs with the same option.
    """
    keys = dict.fromkeys(key for run in runs for key in run.config)
    groups = list(dict.fromkeys(key.split(".")[0] for key in keys))
    vary = []
    for key in sorted(keys, key=lambda key: (groups.index(key.split(".")[0]), not key.endswith(".name"))):
        group = key.split(".")[0]
        if key in NEVER_FACTORS or group in GROUPS_APART or (key == LEARNING_RATE and _all_tuned(runs)):
            continue
        if key == f"{group}.name":
            if len({shown(run.config.get(key)) for run in runs}) > 1:
                vary.append(group)
        elif any(len({shown(run.config.get(key)) for run in alike}) > 1 for alike in _by_option(runs, group)):
            vary.append(key)
    return vary


def _by_option(runs: Sequence[Run], group: str) -> list[list[Run]]:
    """The runs of each option of a group; one list with all runs if the key is not a group."""
    runs_of: dict[str, list[Run]] = {}
    for run in runs:
        runs_of.setdefault(shown(run.config.get(f"{group}.name")) if group in GROUPS else "", []).append(run)
    return list(runs_of.values())


def _none_has(runs: Sequence[Run], metric: str) -> str:
    metrics = sorted({name for run in runs for name in run.metrics})
    if not metrics:
        return f"None of the {len(runs)} runs has finished: {runs[0].reason or runs[0].status}."
    return f"No finished run has the metric {metric}; the metrics are {', '.join(metrics)}."


def _levels(run: Run, factors: Sequence[str]) -> Levels:
    return tuple(shown(run.setting(factor)) for factor in factors)


def _arms(
    ended: Sequence[Run], lost: Sequence[Run], factors: Sequence[str], others: Sequence[str], metric: str
) -> tuple[list[Arm], list[str]]:
    """The arms, in the order of their first runs, and a warning if a run was done twice."""
    runs_of: dict[Levels, dict[int, Run]] = {}
    repeated = 0
    for run in ended:
        seeds = runs_of.setdefault(_levels(run, factors), {})
        earlier = seeds.get(run.seed)
        if earlier is not None:
            if differ := [key for key in others if shown(run.setting(key)) != shown(earlier.setting(key))]:
                raise ConfigError(
                    f"{earlier.name} and {run.name} have the same factors and seed, but differ in {', '.join(differ)}: "
                    f"add this to --by, or choose runs with --where."
                )
            repeated += 1
        seeds[run.seed] = run
    arms = []
    for levels in dict.fromkeys([*runs_of, *(_levels(run, factors) for run in lost)]):
        runs = runs_of.get(levels, {})
        values = {seed: run.metrics[metric] for seed, run in sorted(runs.items())}
        arms.append(Arm(levels, list(runs.values()), values, [r for r in lost if _levels(r, factors) == levels]))
    once = "One run has been repeated; the later one counts."
    several = f"{repeated} runs have been repeated; the later ones count."
    return arms, [] if not repeated else [once if repeated == 1 else several]


def _effects(arms: Sequence[Arm], factors: Sequence[str]) -> list[Effect]:
    """The effect of each factor for each pair of its levels; the level that came first is the baseline."""
    effects = []
    for index, factor in enumerate(factors):
        levels = dict.fromkeys(arm.levels[index] for arm in arms)
        for first, second in combinations(levels, 2):
            means = _by_seed(arms, [{index: first}, {index: second}])
            if all(means):
                change = f"{factor}={second} against {factor}={first}"
                effects.append(Effect((factor,), change, difference(means[0], means[1])))
    return effects


def _interactions(arms: Sequence[Arm], factors: Sequence[str]) -> list[Effect]:
    """The interaction of each pair of factors with two levels each."""
    effects = []
    for a, b in combinations(range(len(factors)), 2):
        levels = [list(dict.fromkeys(arm.levels[index] for arm in arms)) for index in (a, b)]
        if len(levels[0]) != 2 or len(levels[1]) != 2:
            continue
        cells = [{a: first, b: second} for first in levels[0] for second in levels[1]]
        means = _by_seed(arms, cells)
        seeds = set.intersection(*(set(mean) for mean in means))
        if not seeds:
            continue
        at_first, at_second = (
            {seed: means[2 + other][seed] - means[other][seed] for seed in sorted(seeds)} for other in (0, 1)
        )
        change = (
            f"{factors[a]}={levels[0][1]} against {levels[0][0]}, at {factors[b]}={levels[1][1]} more than "
            f"at {factors[b]}={levels[1][0]}"
        )
        effects.append(Effect((factors[a], factors[b]), change, difference(at_first, at_second)))
    return effects


def _by_seed(arms: Sequence[Arm], cells: Sequence[dict[int, str]]) -> list[dict[int, float]]:
    """For each cell, the metric of each seed, averaged over the levels of the other factors that all cells have.

    Args:
        arms: all arms.
        cells: the cells of the comparison, each as levels by the index of the factor.
    """
    arms_by_cell: list[dict[Levels, Arm]] = []  # the arms of each cell by the levels of the other factors
    for cell in cells:
        inside = [a for a in arms if a.values and all(a.levels[index] == level for index, level in cell.items())]
        arms_by_cell.append(
            {tuple(level for index, level in enumerate(arm.levels) if index not in cell): arm for arm in inside}
        )
    common = [others for others in arms_by_cell[0] if all(others in cell_arms for cell_arms in arms_by_cell)]
    means = []
    for cell_arms in arms_by_cell:
        seeds = [set(cell_arms[others].values) for others in common]
        shared = sorted(set.intersection(*seeds)) if seeds else []
        means.append({s: math.fsum(cell_arms[others].values[s] for others in common) / len(common) for s in shared})
    return means


def _unfair(
    runs: Sequence[Run],
    ended: Sequence[Run],
    arms: Sequence[Arm],
    factors: Sequence[str],
    vary: Sequence[str],
    metric: str,
) -> Iterable[str]:
    """Warnings about differences between the runs other than the factors, and about missing or unequal data."""
    for key in vary:
        if key not in factors and not any(key.startswith(f"{factor}.") for factor in factors):
            yield f"The runs also differ in {key}: {listed(shown(run.setting(key)) for run in runs)}."
    for key, name in SHOULD_AGREE.items():
        values = {run.environment.get(key, "") for run in ended}
        if len(values) > 1 and not _follows(ended, key, factors):
            texts = [_short(value) if value or key != "changes" else "none" for value in values]
            yield f"The runs differ in their {name}: {listed(sorted(texts))}."
    if differ := [f"{name} ({text})" for key, name in COMPUTING.items() if (text := _values_of(ended, key))]:
        yield (
            f"The runs were computed differently, which changes metrics about as much as another seed does: "
            f"{', '.join(differ)}."
        )
    steps = {int(run.history[-1]["step"]) for run in ended if run.history}
    if len(steps) > 1:
        yield f"The runs took different numbers of steps: {listed(f'{step:,}' for step in sorted(steps))}."
    early = [run for run in ended if run.reason]
    if early:
        yield f"{len(early)} of {len(ended)} runs ended before all epochs were done: {listed(r.reason for r in early)}."
    yield from _seeds_unlike(arms, factors)
    for arm in arms if _all_tuned(ended) else ():
        if len({shown(run.setting(LEARNING_RATE)) for run in arm.runs}) > 1:
            yield (
                f"{label(arm.levels, factors)} has runs at several learning rates: the sweep was interrupted and chose "
                "another one when it was rerun."
            )
    if ("optim" in factors or "optim.name" in factors) and not _all_tuned(ended):
        rates: dict[str, set[str]] = {}
        for run in ended:
            rates.setdefault(shown(run.config.get("optim.name")), set()).add(shown(run.setting("optim.learning_rate")))
        if all(len(values) == 1 for values in rates.values()):
            tested = ", ".join(f"{name} {next(iter(values))}" for name, values in rates.items())
            yield f"The optimisers were not tuned: each was run at one learning rate ({tested})."
    if "best" in metric:
        yield f"{metric} is the best of all epochs, which favours settings whose metric varies most between epochs."


def _values_of(runs: Sequence[Run], key: str) -> str:
    """The values of an entry of the environment, as text; empty if all runs that recorded it have the same."""
    values = {run.environment[key] for run in runs if key in run.environment}
    if len(values) < 2:
        return ""
    if key != "instructions":
        return listed(value or "none" for value in sorted(values))
    kinds = [frozenset(value.split()) for value in values]
    shared, all_of_them = kinds[0].intersection(*kinds), kinds[0].union(*kinds)
    return f"not all have {listed(sorted(all_of_them - shared))}"


def _follows(runs: Sequence[Run], key: str, factors: Sequence[str]) -> bool:
    """Whether the runs differ in an entry of the environment because a factor of the comparison changes it."""
    if key == CODE:  # this is so if each builder has one version of its code
        builders = {run.config.get("model.builder") for run in runs}
        return len({(run.config.get("model.builder"), run.environment.get(key, "")) for run in runs}) == len(builders)
    if key not in ("precision", "data_fingerprint", "weights_fingerprint"):
        return False
    setting = {"precision": "trainer.precision", "data_fingerprint": "data", "weights_fingerprint": "model.weights"}
    return any(factor == setting[key] or factor.startswith(f"{setting[key]}.") for factor in factors)


def _seeds_unlike(arms: Sequence[Arm], factors: Sequence[str]) -> Iterable[str]:
    compared = [arm for arm in arms if arm.values]
    if {len(arm.values) for arm in compared} == {1}:
        yield "Each arm has one seed, so the size of the seed noise is unknown. Add seed=0,1,2."
    elif len({tuple(arm.values) for arm in compared}) > 1:
        counts = ", ".join(f"{label(arm.levels, factors)}: {len(arm.values)}" for arm in compared)
        yield f"Not all arms have the same seeds ({counts}), so not all runs can be paired."
    for arm in arms:
        if not arm.values:
            yield f"{label(arm.levels, factors)} is not compared: none of its {len(arm.lost)} runs has a result."
        elif arm.lost:
            yield (
                f"{label(arm.levels, factors)} lost {len(arm.lost)} of {len(arm.lost) + len(arm.values)} runs; the "
                "mean of the others may look better than the arm is."
            )


def label(levels: Levels, factors: Sequence[str]) -> str:
    """The name of an arm: its factors with their levels, or "all runs" without factors."""
    return " ".join(f"{factor}={level}" for factor, level in zip(factors, levels, strict=True)) or "all runs"


def _seeds(counts: tuple[int, int]) -> str:
    first, second = counts
    if first != second:
        return f"{first} and {second} seeds"
    return "1 seed each" if first == 1 else f"{first} seeds each"


def _probability(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"


def _short(value: str) -> str:
    """The first 12 characters of a fingerprint; other values as they are, or "unknown" if empty."""
    return value[:12] if len(value) >= 40 and " " not in value else value or "unknown"
