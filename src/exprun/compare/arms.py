"""The arms of a comparison: which settings vary, and the value that each run contributes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exprun.compare import outcomes
from exprun.config.errors import ConfigError
from exprun.config.schema import GROUPS, GROUPS_APART
from exprun.records import Run, shown
from exprun.seed_statistics import CONFIDENCE, Interval, deviation, interval

LEARNING_RATE = "optim.learning_rate"
# Keys that are never factors: settings that change no result, and the seed, whose runs are repeats.
NEVER_FACTORS = ("seed", "run_dir", "progress", "data.cache", "trainer.resume", "trainer.log_every", "trainer.profile")
Levels = tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """The runs that differ only in the seed.

    Args:
        levels: the level of each factor.
        runs: the runs that have a value, one for each seed.
        values: the value of the compared metric by seed.
        lost: the runs without a value.
        diverged: the runs that diverged, whose value is the chance level.
        images: the number of images on which the metric was measured; None if it is unknown or does not matter.
        confidence: the confidence level of the interval over seeds.
    """

    levels: Levels
    runs: list[Run]
    values: dict[int, float]
    lost: list[Run] = field(default_factory=list)
    diverged: list[Run] = field(default_factory=list)
    images: int | None = None
    confidence: float = CONFIDENCE

    @property
    def mean(self) -> float:
        """The mean over seeds; NaN without values."""
        return interval(list(self.values.values())).mean

    @property
    def variance(self) -> float:
        """The variance over seeds; NaN with one seed."""
        return self.deviation**2

    @property
    def interval(self) -> Interval:
        """The mean over seeds and its confidence interval, which includes the noise of the finite set of images.

        Student's t for the seeds; the noise of `images` independent images is that of Agresti and Coull 1998
        (doi:10.2307/2685469), which is not 0 at an accuracy of 100 %.
        """
        seeds = interval(list(self.values.values()), self.confidence)
        if self.images is None or not math.isfinite(seeds.half):
            return seeds
        return Interval(seeds.mean, math.hypot(seeds.half, outcomes.image_half(seeds.mean, self.images, CONFIDENCE)))

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds; NaN with one seed."""
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
    groups = list(dict.fromkeys(key.split(".")[0] for key in keys))
    vary = []
    for key in sorted(keys, key=lambda key: (groups.index(key.split(".")[0]), not key.endswith(".name"))):
        group = key.split(".")[0]
        if key in NEVER_FACTORS or group in GROUPS_APART or (key == LEARNING_RATE and all_tuned(runs)):
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
    runs_of: dict[Levels, dict[int, tuple[Run, float]]] = {}
    repeated = 0
    for run, value in values:
        seeds = runs_of.setdefault(levels_of(run, factors), {})
        if run.seed in seeds:
            earlier, _ = seeds[run.seed]
            if differ := [key for key in others if shown(run.setting(key)) != shown(earlier.setting(key))]:
                raise ConfigError(
                    f"{earlier.name} and {run.name} have the same factors and seed, but differ in {', '.join(differ)}: "
                    f"add this to --by, or choose runs with --where."
                )
            repeated += 1
        seeds[run.seed] = run, value
    arms = []
    for levels in dict.fromkeys([*runs_of, *(levels_of(run, factors) for run in lost)]):
        seeds = runs_of.get(levels, {})
        runs = [run for run, _ in seeds.values()]
        arms.append(
            Arm(
                levels,
                runs,
                {seed: value for seed, (_, value) in sorted(seeds.items())},
                [run for run in lost if levels_of(run, factors) == levels],
                [run for run in runs if outcomes.diverged(run, metric)],
                outcomes.images(runs, metric),
            )
        )
    once = "One run has been repeated; the later one counts."
    several = f"{repeated} runs have been repeated; the later ones count."
    return arms, [] if not repeated else [once if repeated == 1 else several]


def label(levels: Levels, factors: Sequence[str]) -> str:
    """The name of an arm: its factors with their levels, or "all runs" without factors."""
    return " ".join(f"{factor}={level}" for factor, level in zip(factors, levels, strict=True)) or "all runs"
