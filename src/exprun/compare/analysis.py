"""What a set of runs shows: arms, effects of factors and of pairs of them, and what makes the comparison unfair."""

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

FIGURE = "val/accuracy"
LEARNING_RATE = "optim.learning_rate"
# Settings that change no result, and the seed, which is a replicate and no factor.
APART = ("seed", "run_dir", "progress", "data.cache", "trainer.resume", "trainer.log_every", "trainer.profile")
# In what runs of one comparison should be alike, by its name for a person.
ALIKE = {
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
# What else the bits of a result depend on, by its name for a person: metrics differ as they do by another seed.
COMPUTING = {
    "intra_op_threads": "threads per operation",
    "onednn": "oneDNN",
    "instructions": "instructions",
    "variables": "variables",
}
Levels = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """The runs that have the same settings but for the seed.

    Args:
        levels: the value of each factor.
        runs: that came to their end, one a seed.
        values: the figure that is compared, by seed.
        lost: runs that did not come to their end.
    """

    levels: Levels
    runs: list[Run]
    values: dict[int, float]
    lost: list[Run] = field(default_factory=list)

    @property
    def interval(self) -> Interval:
        """Over seeds."""
        return interval(list(self.values.values()))

    @property
    def deviation(self) -> float:
        """Standard deviation over seeds; NaN with one."""
        return deviation(list(self.values.values()))

    @property
    def seconds(self) -> float:
        """Mean time of training and evaluation."""
        found = [run.metrics["time/seconds"] for run in self.runs if "time/seconds" in run.metrics]
        return math.fsum(found) / len(found) if found else math.nan


@dataclass(frozen=True)
class Effect:
    """What a change of a factor does, or how much more it does at another level of a second factor.

    Args:
        factor: its key; two for an interaction.
        change: from what to what.
        difference: averaged over all other factors, seed by seed.
        probability: corrected for the number of effects (Holm); NaN with too few seeds.
    """

    factor: tuple[str, ...]
    change: str
    difference: Difference
    probability: float = math.nan

    @property
    def certain(self) -> bool:
        """Whether seed noise alone rarely gives as much."""
        return self.probability < 1 - CONFIDENCE


@dataclass(frozen=True)
class Analysis:
    """All that is shown.

    Args:
        figure: that is compared.
        factors: keys.
        arms: the best first.
        effects: of single factors, then of pairs.
        warnings: what makes the comparison unfair or uncertain, in sentences.
        lost: runs that did not come to their end.
        tuned: the learning rate at which each arm was compared, in a sentence; empty where none was chosen.
    """

    figure: str
    factors: tuple[str, ...]
    arms: list[Arm]
    effects: list[Effect]
    warnings: list[str]
    lost: list[Run]
    tuned: str = ""

    @property
    def unit(self) -> tuple[float, str]:
        """By what a difference is multiplied to be shown, and the word behind it."""
        return (100, " points") if "accuracy" in self.figure else (1, "")

    def sentences(self) -> list[str]:
        """Each effect in words that can be quoted."""
        return [self._sentence(effect) for effect in self.effects]

    def _sentence(self, effect: Effect) -> str:
        scale, unit = self.unit
        found, seeds = effect.difference.interval, effect.difference.seeds
        form = "+.1f" if scale == 100 else "+.3g"
        start = f"{effect.change}: {scale * found.mean:{form}}{unit} of {self.figure}"
        if math.isnan(effect.probability):
            return f"{start} ({_seeds(seeds)}), which may be seed noise: more seeds can tell."
        ends = f"95 % interval {scale * found.low:{form}} to {scale * found.high:{form}}"
        pairs = ", paired" if effect.difference.paired else ""
        count = len(self.effects)
        corrected = f" after correction for {count} comparisons" if count > 1 else ""
        told = f"{start}, {ends} ({_seeds(seeds)}{pairs}; {_probability(effect.probability)}{corrected})"
        if effect.certain:
            return f"{told}: more than seed noise."
        needed = effect.difference.needed
        more = f"; to tell a difference of this size takes about {needed:,} seeds of each" if needed else ""
        return f"{told}: it may be seed noise{more}."


def analyse(runs: Sequence[Run], by: Sequence[str] | None = None, figure: str = FIGURE) -> Analysis:
    """Compare runs.

    Args:
        runs: two at least.
        by: the factors, by key; a group's key stands for its option. All settings that vary where it is left out.
        figure: the final figure of a run that is compared, by its name in MLflow.

    Raises:
        ConfigError: no run came to its end with that figure, a factor is no setting or does not vary, or runs of the
            same factors and seed differ in something else.
    """
    runs = [run for run in runs if not _chose_rate(run)]
    if not runs:
        raise ConfigError("There are only the runs that choose the learning rates yet, of sweep=tuned.")
    ended = [run for run in runs if run.status == "FINISHED" and figure in run.metrics]
    lost = [run for run in runs if run not in ended]
    if not ended:
        raise ConfigError(_none_has(runs, figure))
    vary = varying(runs)
    factors = tuple(vary) if by is None else tuple(by)
    for factor in factors:
        if by is not None and len({shown(run.setting(factor)) for run in runs}) < 2:
            known = ", ".join(vary) or "nothing but the seed"
            raise ConfigError(f"--by {factor}: the runs do not differ in it; they differ in {known}.")
    arms, repeated = _arms(ended, lost, factors, [key for key in vary if key not in factors], figure)
    found = [*_effects(arms, factors), *_interactions(arms, factors)]
    corrected = holm([effect.difference.probability for effect in found])
    effects = [
        Effect(effect.factor, effect.change, effect.difference, probability)
        for effect, probability in zip(found, corrected, strict=True)
    ]
    sign = 1 if is_better_low(figure) else -1
    arms.sort(key=lambda arm: sign * arm.interval.mean if arm.values else math.inf)
    warnings = [*repeated, *_unfair(runs, ended, arms, factors, vary, figure)]
    return Analysis(figure, factors, arms, effects, warnings, lost, _tuned(arms, factors))


def _chose_rate(run: Run) -> bool:
    """Whether it was one of those of `sweep=tuned` that only choose the learning rate."""
    return run.config.get("sweep.name") == "tuned" and run.seed == run.config.get("sweep.tuning_seed")


def _all_tuned(runs: Iterable[Run]) -> bool:
    return all(run.config.get("sweep.name") == "tuned" for run in runs)


def _tuned(arms: Sequence[Arm], factors: Sequence[str]) -> str:
    """At which rate each arm was compared, where each had the same number of tries."""
    runs = [run for arm in arms for run in arm.runs]
    tries = {len(run.config.get("sweep.rates") or ()) for run in runs}
    if not _all_tuned(runs) or len(tries) != 1:
        return ""
    chosen = [f"{label(arm.levels, factors)}: {shown(arm.runs[0].setting(LEARNING_RATE))}" for arm in arms if arm.runs]
    return (
        f"Each was run at the best of {tries.pop()} learning rates, by validation in runs of another seed "
        f"({', '.join(chosen)})."
    )


def is_better_low(figure: str) -> bool:
    """Whether less is better: losses and times."""
    return "loss" in figure or figure == "time/seconds"


def varying(runs: Sequence[Run]) -> list[str]:
    """The settings in which runs differ, those apart that change no result.

    A group stands for all its settings where its option differs, and a setting by itself where it differs between
    runs of the same option.
    """
    keys = dict.fromkeys(key for run in runs for key in run.config)
    groups = list(dict.fromkeys(key.split(".")[0] for key in keys))
    found = []
    for key in sorted(keys, key=lambda key: (groups.index(key.split(".")[0]), not key.endswith(".name"))):
        group = key.split(".")[0]
        if key in APART or group in GROUPS_APART or (key == LEARNING_RATE and _all_tuned(runs)):
            continue
        if key == f"{group}.name":
            if len({shown(run.config.get(key)) for run in runs}) > 1:
                found.append(group)
        elif any(len({shown(run.config.get(key)) for run in part}) > 1 for part in _by_option(runs, group)):
            found.append(key)
    return found


def _by_option(runs: Sequence[Run], group: str) -> list[list[Run]]:
    """The runs of each option of a group; all runs where it is none."""
    parts: dict[str, list[Run]] = {}
    for run in runs:
        parts.setdefault(shown(run.config.get(f"{group}.name")) if group in GROUPS else "", []).append(run)
    return list(parts.values())


def _none_has(runs: Sequence[Run], figure: str) -> str:
    known = sorted({name for run in runs for name in run.metrics})
    if not known:
        return f"None of the {len(runs)} runs came to its end: {runs[0].reason or runs[0].status}."
    return f"No run that came to its end has the figure {figure}; there are {', '.join(known)}."


def _levels(run: Run, factors: Sequence[str]) -> Levels:
    return tuple(shown(run.setting(factor)) for factor in factors)


def _arms(
    ended: Sequence[Run], lost: Sequence[Run], factors: Sequence[str], others: Sequence[str], figure: str
) -> tuple[list[Arm], list[str]]:
    """The arms, in the order of their first runs, and what has to be said of runs that were repeated."""
    found: dict[Levels, dict[int, Run]] = {}
    repeated = 0
    for run in ended:
        seeds = found.setdefault(_levels(run, factors), {})
        before = seeds.get(run.seed)
        if before is not None:
            if apart := [key for key in others if shown(run.setting(key)) != shown(before.setting(key))]:
                raise ConfigError(
                    f"{before.name} and {run.name} have the same factors and seed, but differ in {', '.join(apart)}: "
                    f"name it in --by, or choose by --where."
                )
            repeated += 1
        seeds[run.seed] = run
    arms = []
    for levels in dict.fromkeys([*found, *(_levels(run, factors) for run in lost)]):
        runs = found.get(levels, {})
        values = {seed: run.metrics[figure] for seed, run in sorted(runs.items())}
        arms.append(Arm(levels, list(runs.values()), values, [r for r in lost if _levels(r, factors) == levels]))
    said = "One run has been repeated; the later one counts."
    several = f"{repeated} runs have been repeated; the later ones count."
    return arms, [] if not repeated else [said if repeated == 1 else several]


def _effects(arms: Sequence[Arm], factors: Sequence[str]) -> list[Effect]:
    """Of each factor, for each pair of its levels; the one that came first is the baseline."""
    found = []
    for place, factor in enumerate(factors):
        levels = dict.fromkeys(arm.levels[place] for arm in arms)
        for first, second in combinations(levels, 2):
            means = _by_seed(arms, [{place: first}, {place: second}])
            if all(means):
                change = f"{factor}={second} against {factor}={first}"
                found.append(Effect((factor,), change, difference(means[0], means[1])))
    return found


def _interactions(arms: Sequence[Arm], factors: Sequence[str]) -> list[Effect]:
    """Of each pair of factors of two levels each: how much more the one does where the other is at its second."""
    found = []
    for a, b in combinations(range(len(factors)), 2):
        levels = [list(dict.fromkeys(arm.levels[place] for arm in arms)) for place in (a, b)]
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
            f"{factors[a]}={levels[0][1]} against {levels[0][0]}, at {factors[b]}={levels[1][1]} beyond what it does "
            f"at {factors[b]}={levels[1][0]}"
        )
        found.append(Effect((factors[a], factors[b]), change, difference(at_first, at_second)))
    return found


def _by_seed(arms: Sequence[Arm], cells: Sequence[dict[int, str]]) -> list[dict[int, float]]:
    """For each cell, the mean figure of each seed over all settings of the other factors that every cell has.

    Args:
        arms: all of them.
        cells: the level of some factors, by their place.
    """
    rests: list[dict[Levels, Arm]] = []
    for cell in cells:
        own = [arm for arm in arms if arm.values and all(arm.levels[place] == level for place, level in cell.items())]
        rests.append({tuple(x for place, x in enumerate(arm.levels) if place not in cell): arm for arm in own})
    common = [rest for rest in rests[0] if all(rest in other for other in rests)]
    means = []
    for arms_of in rests:
        seeds = [set(arms_of[rest].values) for rest in common]
        shared = sorted(set.intersection(*seeds)) if seeds else []
        means.append({s: math.fsum(arms_of[rest].values[s] for rest in common) / len(common) for s in shared})
    return means


def _unfair(
    runs: Sequence[Run],
    ended: Sequence[Run],
    arms: Sequence[Arm],
    factors: Sequence[str],
    vary: Sequence[str],
    figure: str,
) -> Iterable[str]:
    """What keeps it from being a comparison of the factors alone, or from being certain."""
    for key in vary:
        if key not in factors and not any(key.startswith(f"{factor}.") for factor in factors):
            yield f"The runs also differ in {key}: {listed(shown(run.setting(key)) for run in runs)}."
    for key, name in ALIKE.items():
        values = {run.environment.get(key, "") for run in ended}
        if len(values) > 1 and not _follows(ended, key, factors):
            known = [_short(value) if value or key != "changes" else "none" for value in values]
            yield f"The runs differ in their {name}: {listed(sorted(known))}."
    if apart := [f"{name} ({told})" for key, name in COMPUTING.items() if (told := _apart(ended, key))]:
        yield (
            f"The runs were computed differently, which changes metrics about as much as another seed does: "
            f"{', '.join(apart)}."
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
            yield f"{label(arm.levels, factors)} has runs at several learning rates: the sweep was stopped meanwhile."
    if ("optim" in factors or "optim.name" in factors) and not _all_tuned(ended):
        rates: dict[str, set[str]] = {}
        for run in ended:
            rates.setdefault(shown(run.config.get("optim.name")), set()).add(shown(run.setting("optim.learning_rate")))
        if all(len(found) == 1 for found in rates.values()):
            tried = ", ".join(f"{name} {next(iter(found))}" for name, found in rates.items())
            yield f"The optimisers were not tuned: each was run at one learning rate ({tried})."
    if "best" in figure:
        yield f"{figure} is the best of all epochs, which favours settings whose figures jump about."


def _apart(runs: Sequence[Run], key: str) -> str:
    """In what runs differ that recorded something of the environment; empty where they do not."""
    values = {run.environment[key] for run in runs if key in run.environment}
    if len(values) < 2:
        return ""
    if key != "instructions":
        return listed(value or "none" for value in sorted(values))
    kinds = [frozenset(value.split()) for value in values]
    shared, all_of_them = kinds[0].intersection(*kinds), kinds[0].union(*kinds)
    return f"not all have {listed(sorted(all_of_them - shared))}"


def _follows(runs: Sequence[Run], key: str, factors: Sequence[str]) -> bool:
    """Whether runs that differ in something of the environment do so because a factor says so."""
    if key == CODE:  # of each builder, one
        builders = {run.config.get("model.builder") for run in runs}
        return len({(run.config.get("model.builder"), run.environment.get(key, "")) for run in runs}) == len(builders)
    if key not in ("precision", "data_fingerprint", "weights_fingerprint"):
        return False
    own = {"precision": "trainer.precision", "data_fingerprint": "data", "weights_fingerprint": "model.weights"}[key]
    return any(factor == own or factor.startswith(f"{own}.") for factor in factors)


def _seeds_unlike(arms: Sequence[Arm], factors: Sequence[str]) -> Iterable[str]:
    compared = [arm for arm in arms if arm.values]
    if {len(arm.values) for arm in compared} == {1}:
        yield "There is one seed of each: nothing can be said about seed noise. Add seed=0,1,2."
    elif len({tuple(arm.values) for arm in compared}) > 1:
        told = ", ".join(f"{label(arm.levels, factors)}: {len(arm.values)}" for arm in compared)
        yield f"Not all have the same seeds ({told}), so not all can be paired."
    for arm in arms:
        if not arm.values:
            yield f"{label(arm.levels, factors)} is not compared: none of its {len(arm.lost)} runs gave a result."
        elif arm.lost:
            yield (
                f"{label(arm.levels, factors)} lost {len(arm.lost)} of {len(arm.lost) + len(arm.values)} runs; those "
                "left may look better than it is."
            )


def label(levels: Levels, factors: Sequence[str]) -> str:
    """An arm in a sentence."""
    return " ".join(f"{factor}={level}" for factor, level in zip(factors, levels, strict=True)) or "all runs"


def _seeds(counts: tuple[int, int]) -> str:
    first, second = counts
    if first != second:
        return f"{first} and {second} seeds"
    return "1 seed each" if first == 1 else f"{first} seeds each"


def _probability(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"


def _short(value: str) -> str:
    """A fingerprint as far as it tells; other words as they are."""
    return value[:12] if len(value) >= 40 and " " not in value else value or "unknown"
