"""The arms of a comparison: which settings vary, and the value that each run contributes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exprun.compare import outcomes
from exprun.config.errors import ConfigError
from exprun.config.schema import GROUPS, GROUPS_APART
from exprun.records import Fold, Run, shown
from exprun.seed_statistics import CONFIDENCE, Interval, deviation, interval

LEARNING_RATE = "optim.learning_rate"
FOLD, SPLIT_SEED = "data.fold", "data.split_seed"
# Keys that are never factors: settings that change no result, and the seed and the fold, whose runs are repeats.
NEVER_FACTORS = (
    "seed",
    FOLD,
    "run_dir",
    "progress",
    "pictures",
    "data.cache",
    "trainer.resume",
    "trainer.log_every",
    "trainer.profile",
)
Levels = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """The runs that differ only in the seed and the fold.

    Args:
        levels: the level of each factor.
        runs: the runs that have a value, one for each seed and fold.
        values: the value of the compared metric by seed; with folds, the mean over seeds by fold.
        lost: the runs without a value.
        diverged: the runs that diverged, whose value is the chance level.
        images: the number of images on which the metric was measured; None if it is unknown or does not matter.
        folds: the number of folds, if the values are those of folds; None if they are those of seeds.
        images_differ: whether each fold was measured on images of its own, whose noise is thus part of the fold noise.
        confidence: the confidence level of the interval over seeds.
    """

    levels: Levels
    runs: list[Run]
    values: Mapping[Any, float]
    lost: list[Run] = field(default_factory=list)
    diverged: list[Run] = field(default_factory=list)
    images: int | None = None
    folds: int | None = None
    images_differ: bool = False
    confidence: float = CONFIDENCE

    @property
    def inflation(self) -> float:
        """The factor by which overlapping training sets increase the variance of the mean; 1 without folds.

        Each image trains all folds but one, so the values of folds are correlated, and n of them have a mean whose
        variance is not 1/n of theirs, but about 1/n + (validation images / training images) of it: Nadeau and Bengio
        2003 (doi:10.1023/A:1024068626366), used for repeated folds by Bouckaert and Frank 2004
        (doi:10.1007/978-3-540-24775-3_3).
        """
        return 1.0 if self.folds is None else 1 + len(self.values) / (self.folds - 1)

    @property
    def mean(self) -> float:
        """The mean over seeds or folds; NaN without values."""
        return interval(list(self.values.values())).mean

    @property
    def variance(self) -> float:
        """The variance over seeds or folds; NaN with one of them."""
        return self.deviation**2

    @property
    def interval(self) -> Interval:
        """The mean over seeds or folds and its confidence interval, with the noise of the finite set of images.

        Student's t for the seeds or folds, with `inflation`; the noise of `images` independent images is that of
        Agresti and Coull 1998 (doi:10.2307/2685469), which is not 0 at an accuracy of 100 %. If `images_differ`, the
        larger of the two counts, because the fold noise includes that of the images.
        """
        seeds = interval(list(self.values.values()), self.confidence)
        seeds = Interval(seeds.mean, seeds.half * math.sqrt(self.inflation))
        if self.images is None or not math.isfinite(seeds.half):
            return seeds
        half = outcomes.image_half(seeds.mean, self.images, CONFIDENCE)
        return Interval(seeds.mean, max(seeds.half, half) if self.images_differ else math.hypot(seeds.half, half))

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds or folds; NaN with one of them."""
        return deviation(list(self.values.values()))

    @property
    def seconds(self) -> float:
        """The mean time of training and evaluation in seconds; NaN if no run recorded it."""
        seconds = [run.metrics["time/seconds"] for run in self.runs if "time/seconds" in run.metrics]
        return math.fsum(seconds) / len(seconds) if seconds else math.nan


def chose_learning_rate(run: Run) -> bool:
    """Whether the run belongs to the part of `sweep=tuned` that only chooses the learning rate."""
    return run.config.get("sweep.name") == "tuned" and run.seed == run.config.get("sweep.tuning_seed")


def all_tuned(runs: Iterable[Run]) -> bool:
    """Whether all runs belong to `sweep=tuned`."""
    return all(run.config.get("sweep.name") == "tuned" for run in runs)


def varying(runs: Sequence[Run]) -> list[str]:
    """The keys in which runs differ, except those that change no result.

    If runs have different options of a group, the list has the group and not each of its settings. A single setting
    is listed if it differs between runs with the same option.
    """
    keys = dict.fromkeys(key for run in runs for key in run.config)
    repeats = (*NEVER_FACTORS, SPLIT_SEED) if all(map(has_folds, runs)) else NEVER_FACTORS
    groups = list(dict.fromkeys(key.split(".")[0] for key in keys))
    vary = []
    for key in sorted(keys, key=lambda key: (groups.index(key.split(".")[0]), not key.endswith(".name"))):
        group = key.split(".")[0]
        if key in repeats or group in GROUPS_APART or (key == LEARNING_RATE and all_tuned(runs)):
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


def has_folds(run: Run) -> bool:
    """Whether the run belongs to a cross-validation."""
    return run.fold is not None


def fold_of(run: Run) -> Fold:
    """The fold of a run of a cross-validation."""
    assert run.fold is not None
    return run.fold


def by_folds(runs: Iterable[Run], factors: Sequence[str]) -> bool:
    """Whether runs are repeated by folds: they have several, and the fold is not a factor."""
    found = {fold_of(run) for run in runs if has_folds(run)}
    return len(found) > 1 and FOLD not in factors and SPLIT_SEED not in factors


def levels_of(run: Run, factors: Sequence[str]) -> Levels:
    """The level of each factor in a run."""
    return tuple(shown(run.setting(factor)) for factor in factors)


def arms_of(
    values: Sequence[tuple[Run, float]], lost: Sequence[Run], factors: Sequence[str], others: Sequence[str], metric: str
) -> tuple[list[Arm], list[str]]:
    """The arms, in the order of their first runs, and a warning if a run was done twice.

    Args:
        values: the runs with their values of the metric.
        lost: the runs without a value.
        factors: the keys of the factors.
        others: the keys that vary and are not factors.
        metric: the metric that is compared.

    Raises:
        ConfigError: runs with the same levels and seed differ in another setting.
    """
    repeats = by_folds((run for run, _ in values), factors)
    runs_of: dict[Levels, dict[tuple[int, ...], tuple[Run, float]]] = {}
    repeated = 0
    for run, value in values:
        same = runs_of.setdefault(levels_of(run, factors), {})
        key = (run.seed, *fold_of(run)) if repeats and has_folds(run) else (run.seed,)
        if key in same:
            earlier, _ = same[key]
            keys = dict.fromkeys(
                [*others, FOLD, SPLIT_SEED]
            )  # if one of the two is a factor, the other one is no repeat
            if differ := [key for key in keys if shown(run.setting(key)) != shown(earlier.setting(key))]:
                raise ConfigError(
                    f"{earlier.name} and {run.name} have the same factors and seed, but differ in {', '.join(differ)}: "
                    f"add this to --by, or choose runs with --where."
                )
            repeated += 1
        same[key] = run, value
    arms = []
    for levels in dict.fromkeys([*runs_of, *(levels_of(run, factors) for run in lost)]):
        same = runs_of.get(levels, {})
        runs = [run for run, _ in same.values()]
        folds = _folds(runs, levels, factors) if repeats else None
        by_seed = {run.seed: value for run, value in same.values()}
        arms.append(
            Arm(
                levels,
                runs,
                dict(sorted(by_seed.items())) if folds is None else _means(list(same.values())),
                [run for run in lost if levels_of(run, factors) == levels],
                [run for run in runs if outcomes.diverged(run, metric)],
                outcomes.images(runs, metric) if folds is None else _images(runs, metric),
                folds,
                folds is not None and not metric.startswith("test/"),
            )
        )
    once = "One run has been repeated; the later one counts."
    several = f"{repeated} runs have been repeated; the later ones count."
    return arms, [] if not repeated else [once if repeated == 1 else several]


def _folds(runs: Sequence[Run], levels: Levels, factors: Sequence[str]) -> int | None:
    """The number of folds of an arm; None if it has none.

    Raises:
        ConfigError: runs of the arm have different numbers of folds, or some have none.
    """
    found = {run.config.get("data.folds") for run in runs}
    if len(found) > 1:
        raise ConfigError(
            f"{label(levels, factors)} has runs with data.folds={' and '.join(sorted(map(shown, found)))}: add "
            "data.folds to --by, or choose runs with --where."
        )
    return next(iter(found), None)


def _means(values: Sequence[tuple[Run, float]]) -> dict[Fold, float]:
    """The mean over seeds by fold: runs of a fold have the same training set, so they are one sample."""
    by_fold: dict[Fold, list[float]] = {}
    for run, value in values:
        by_fold.setdefault(fold_of(run), []).append(value)
    return {fold: math.fsum(found) / len(found) for fold, found in sorted(by_fold.items())}


def _images(runs: Sequence[Run], metric: str) -> int | None:
    """The number of images of all folds of a cross-validation together; test images are the same for all folds."""
    by_fold: dict[Fold, list[Run]] = {}
    for run in runs:
        by_fold.setdefault(fold_of(run), []).append(run)
    counts = {fold: outcomes.images(some, metric) for fold, some in by_fold.items()}
    known = {fold: count for fold, count in counts.items() if count is not None}
    if len(known) < len(counts) or not known:
        return None
    if metric.startswith("test/"):
        return min(known.values())
    of_seed: dict[int, int] = {}
    for fold, count in known.items():
        of_seed[fold.split_seed] = of_seed.get(fold.split_seed, 0) + count
    return max(of_seed.values())


def label(levels: Levels, factors: Sequence[str]) -> str:
    """The name of an arm: its factors with their levels, or "all runs" without factors."""
    return " ".join(f"{factor}={level}" for factor, level in zip(factors, levels, strict=True)) or "all runs"
