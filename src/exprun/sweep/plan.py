"""The runs of a sweep: every combination, one factor at a time, at the best learning rate, or in rounds of seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from exprun.config import budget
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.config.overrides import quoted
from exprun.config.schema import Config
from exprun.metrics import is_better_low
from exprun.sweep.folder import FOLDS, SEED

if TYPE_CHECKING:
    from exprun.sweep.decide import Deciding

MAX_RUNS = 10_000  # runs in one sweep
MIN_ARMS = 2  # arms between which a sweep decides
LEARNING_RATE, PLANNED = "optim.learning_rate", "sweep.max_seeds"
Job = list[str]


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep.

    Args:
        jobs: the overrides of each run; with `sweep=tuned`, of the runs that choose the learning rates.
        factors: the keys that vary, except the seed and, with `data.folds`, the fold and the split seed.
        configs: the checked configs of the jobs.
        arms: with `sweep=tuned`, the overrides of each arm and the learning rates that its jobs test.
        seeds: with `sweep=tuned`, the overrides with the seeds that are compared.
        deciding: with `sweep=decide`, how it decides; its jobs are those of the first look.
    """

    jobs: list[Job]
    factors: list[str]
    configs: list[Config]
    arms: list[tuple[Job, list[float]]] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    deciding: "Deciding | None" = None

    @property
    def in_parts(self) -> bool:
        """Whether results choose further runs, so that the jobs are not all runs."""
        return bool(self.arms) or self.deciding is not None

    def chosen(self, metrics: Sequence[float]) -> tuple[list[tuple[int, list[Job]]], list[str]]:
        """The runs that are compared, each arm at its best learning rate, and sentences about the choice.

        Args:
            metrics: the validation metric of each job; NaN for a job that failed.

        Returns:
            Lists of jobs whose folders have consecutive numbers, each with its first number; and the sentences. An arm
            has the same numbers whether or not other arms are left out.
        """
        lowest = is_better_low(self.configs[0].trainer.select)
        rows: list[tuple[int, list[Job]]] = []
        sentences, start, number = [], 0, len(self.jobs)
        for arm, learning_rates in self.arms:
            of_arm = metrics[start : start + len(learning_rates)]
            first, number = number, number + len(self.seeds)
            start += len(learning_rates)
            name = " ".join(word for word in arm if word.split("=")[0].lstrip("+") in self.factors) or "all"
            if all(map(math.isnan, of_arm)):
                sentences.append(f"{name}: no run finished at any learning rate, so this arm is left out.")
                continue
            ranked = [math.inf if math.isnan(metric) else metric if lowest else -metric for metric in of_arm]
            best = learning_rates[ranked.index(min(ranked))]
            edge = {0: "lowest", len(learning_rates) - 1: "highest"}.get(sorted(learning_rates).index(best))
            side = "lower" if edge == "lowest" else "higher"
            hint = f", the {edge} that was tested; a {side} one may be better (sweep.rates)" if edge else ""
            sentences.append(f"{name}: learning rate {best:g}{hint}.")
            jobs = [[*arm, _learning_rate(best), seed] for seed in self.seeds]
            if rows and rows[-1][0] + len(rows[-1][1]) == first:
                rows[-1][1].extend(jobs)
            else:
                rows.append((first, jobs))
        return rows, sentences


def make(composer: Composer, overrides: Sequence[str]) -> Plan | None:
    """The plan of a multirun, with all configs checked; None if a Hydra sweeper chooses the runs.

    Args:
        composer: the composer of the runs' configs.
        overrides: the overrides, as typed.

    Raises:
        ConfigError: the config of a run is wrong, or there are too many runs.
    """
    given = composer.dimensions(overrides)
    if given is None:
        check_grid(composer.config(composer.single_valued(overrides)), "a search chooses the runs itself")
        return None
    if several := next((key for key, values in given.items() if key.split(".")[0] == "sweep" and len(values) > 1), ""):
        raise ConfigError(f"{several} applies to the whole sweep: give it one value.")
    first = composer.jobs(overrides, [[values[0] for values in given.values()]])[0]
    dimensions = dict(given)
    seeds = dimensions.pop(SEED, [])
    has_folds = first.data.folds is not None
    several = next((key for key in FOLDS if has_folds and len(dimensions.get(key, [])) > 1), "")
    if several and first.sweep.name == "tuned":
        raise ConfigError(f"sweep=tuned chooses learning rates on one split: give {several} one value.")
    repeats = [dimensions.pop(key) for key in FOLDS if has_folds and key in dimensions] + ([seeds] if seeds else [])
    combined, factors = _combinations(composer, first, dimensions)
    factors += [key for key, values in dimensions.items() if len(values) > 1]
    if first.sweep.name == "one_factor":
        arms = _one_factor(list(dimensions.values()))
    else:
        _count(math.prod(map(len, dimensions.values())) * len(combined))
        arms = [[*job, *more] for job in product(*dimensions.values()) for more in combined]
    if first.sweep.name in ("tuned", "decide") and first.sweep.prune != "none":
        raise ConfigError(f"sweep={first.sweep.name} compares runs of the same length: leave out sweep.prune.")
    if first.sweep.name == "tuned":
        arms = [[*arm, *fold] for arm in arms for fold in product(*repeats[: len(repeats) - bool(seeds)])]
        return _tuned(composer, overrides, arms, seeds or [f"{SEED}={first.seed}"], factors, first)
    if first.sweep.name == "decide":
        return _deciding(composer, overrides, arms, seeds or [f"{SEED}={first.seed}"], factors, first)
    _count(len(arms) * math.prod(map(len, repeats)))
    jobs = [[*arm, *repeat] for arm in arms for repeat in product(*repeats)]
    return Plan(jobs, factors, composer.jobs(overrides, jobs))


def check_grid(config: Config, why: str) -> None:
    """Refuse settings that choose the runs of a sweep, if there is one run or a sweeper chooses the runs.

    Args:
        config: the config to check.
        why: the end of the error's sentence, for example "this is a single run".

    Raises:
        ConfigError: the config has another option of `sweep` than `grid`, or `sweep.combinations`.
    """
    if config.sweep.name != "grid":
        raise ConfigError(f"sweep={config.sweep.name} chooses the runs of a sweep, but {why}.")
    if config.sweep.combinations is not None:
        raise ConfigError(f"sweep.combinations chooses the runs of a sweep, but {why}.")


def _count(runs: int) -> None:
    if runs > MAX_RUNS:
        raise ConfigError(f"This sweep has {runs:,} runs, but at most {MAX_RUNS:,} are allowed; vary fewer settings.")


def _combinations(composer: Composer, first: Config, given: dict[str, list[str]]) -> tuple[list[Job], list[str]]:
    """The overrides of each mapping of `sweep.combinations`, and the keys in which they differ."""
    if first.sweep.combinations is None:
        return [[]], []
    if first.sweep.name == "one_factor":
        raise ConfigError(
            "sweep=one_factor makes its own combinations; leave out sweep.combinations, or choose sweep=grid."
        )
    jobs: list[Job] = []
    for mapping in first.sweep.combinations:
        job = [f"{key}={_word(value)}" for key, value in mapping.items()]
        composer.check_overrides(job)
        if twice := next((key for key in mapping if key in given or key in (SEED, "run_dir")), ""):
            rule = "it must be a separate override" if twice in (SEED, "run_dir") else "it is an override too"
            raise ConfigError(f"{twice} is a key in sweep.combinations, but {rule}: leave it out there.")
        jobs.append(job)
    if not jobs:
        raise ConfigError("sweep.combinations is empty.")
    if len({tuple(job) for job in jobs}) < len(jobs):
        raise ConfigError("sweep.combinations holds the same mapping twice.")
    return jobs, list(dict.fromkeys(key for mapping in first.sweep.combinations for key in mapping))


def _word(value: Any) -> str:
    """A value as it is written in an override."""
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else str(value).lower()


def _one_factor(values: Sequence[list[str]]) -> list[Job]:
    """The jobs that change one factor at a time.

    The first job has the first level of each factor; each further job has another level of one factor.

    Args:
        values: the levels of each factor, as overrides.
    """
    base = [levels[0] for levels in values]
    jobs = [base]
    for factor, levels in enumerate(values):
        jobs += [[*base[:factor], level, *base[factor + 1 :]] for level in levels[1:]]
    return jobs


def _learning_rate(value: float) -> str:
    return f"{LEARNING_RATE}={value:g}"


def _tuned(
    composer: Composer, overrides: Sequence[str], arms: list[Job], seeds: list[str], factors: list[str], first: Config
) -> Plan:
    """The plan of `sweep=tuned`, whose first runs choose the learning rate of each arm."""
    multiples, tuning = first.sweep.rates, f"{SEED}={first.sweep.tuning_seed}"
    assert multiples is not None
    if any(word.lstrip("+").startswith(f"{LEARNING_RATE}=") for arm in arms for word in arm):
        raise ConfigError(
            f"sweep=tuned chooses {LEARNING_RATE} itself, around the default of each optimiser: leave it out."
        )
    if tuning in seeds:
        raise ConfigError(
            f"{tuning} is the seed of the runs that choose the learning rates (sweep.tuning_seed), so it cannot be "
            "compared too: leave it out, or set another sweep.tuning_seed."
        )
    _count(len(arms) * (len(multiples) + len(seeds)))
    defaults = [config.optim.learning_rate for config in composer.jobs(overrides, arms)]
    tested = [
        (arm, [float(f"{default * multiple:.6g}") for multiple in multiples])
        for arm, default in zip(arms, defaults, strict=True)
    ]
    jobs = [[*arm, _learning_rate(value), tuning] for arm, values in tested for value in values]
    _check_later(composer, overrides, arms, seeds)
    return Plan(jobs, factors, composer.jobs(overrides, jobs), tested, seeds)


def _deciding(
    composer: Composer, overrides: Sequence[str], arms: list[Job], given: list[str], factors: list[str], first: Config
) -> Plan:
    """The plan of `sweep=decide`, whose first runs are those of the first look."""
    from exprun.compare.spending import FIRST_LOOK

    if len(arms) < MIN_ARMS:
        raise ConfigError(
            "sweep=decide needs at least two settings to decide between: give a key several values, as in "
            "norm=none,batch."
        )
    listed = _numbers(composer, overrides, arms[0], given)
    seeds = _planned_seeds(listed, first, PLANNED in composer.keys_of(overrides))
    _count(len(arms) * len(seeds))
    allowed, needed = budget.parse(first.sweep.budget), FIRST_LOOK * len(arms)
    if allowed.runs is not None and allowed.runs < needed:
        raise ConfigError(
            f"sweep.budget={allowed.runs} is not enough for the first look, which takes {FIRST_LOOK} seeds of "
            f"{len(arms)} arms: set it to {needed} or more."
        )
    if len(seeds) != first.sweep.max_seeds:  # the runs record the number for which the looks are planned
        arms = [[*arm, f"{PLANNED}={len(seeds)}"] for arm in arms]
    _check_later(composer, overrides, arms, seeds)
    from exprun.compare.deciding import rule_of  # SciPy takes a second, which no error should wait for
    from exprun.sweep.decide import Deciding

    rule = rule_of(composer.jobs(overrides, [[*arms[0], seeds[0]]])[0])
    sweep = Deciding(arms, seeds, rule, allowed)
    jobs = sweep.jobs(0, range(len(arms)))
    return Plan(jobs, factors, composer.jobs(overrides, jobs), deciding=sweep)


def _check_later(composer: Composer, overrides: Sequence[str], arms: list[Job], seeds: list[str]) -> None:
    """Check the configs of runs that may follow, before any run starts.

    They differ from each other in the seed alone, so those of the lowest and the highest seed of each arm show whether
    they are right and have folders of their own.
    """
    by_number = [seed for _, seed in sorted(zip(_numbers(composer, overrides, arms[0], seeds), seeds, strict=True))]
    ends = by_number if len(seeds) == 1 else [by_number[0], by_number[-1]]
    composer.jobs(overrides, [[*arm, seed] for arm in arms for seed in ends])


def _numbers(composer: Composer, overrides: Sequence[str], arm: Job, seeds: list[str]) -> list[int]:
    """The seeds of overrides as numbers.

    Raises:
        ConfigError: one of them is no number.
    """
    try:
        return [int(word.partition("=")[2]) for word in seeds]
    except ValueError:  # the config says what is wrong with it
        return [config.seed for config in composer.jobs(overrides, [[*arm, seed] for seed in seeds])]


def _planned_seeds(given: list[int], first: Config, is_number_given: bool) -> list[str]:
    """The overrides with the seeds that arms get one after the other: those listed, or those from the given one.

    Args:
        given: the seeds in the overrides.
        first: the config of one of the runs.
        is_number_given: whether a person has set the number of seeds as well.
    """
    from exprun.compare.spending import FIRST_LOOK, MAX_SEEDS

    assert first.sweep.max_seeds is not None
    if len(given) == 1:
        return [f"{SEED}={first.seed + number}" for number in range(first.sweep.max_seeds)]
    seeds = sorted(set(given))
    if is_number_given and len(seeds) != first.sweep.max_seeds:
        raise ConfigError(
            f"{PLANNED}={first.sweep.max_seeds}, but seed= lists {len(seeds)} seeds: leave out one of the two."
        )
    if not FIRST_LOOK <= len(seeds) <= MAX_SEEDS:
        raise ConfigError(
            f"sweep=decide takes {FIRST_LOOK} to {MAX_SEEDS} seeds, but seed= lists {len(seeds)}: list as many as an "
            f"arm may need, or leave out seed= for {first.sweep.max_seeds} seeds."
        )
    return [f"{SEED}={seed}" for seed in seeds]
