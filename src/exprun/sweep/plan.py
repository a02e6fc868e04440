"""Which runs a sweep consists of: every combination, one factor at a time, or each arm at its best learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError
from exprun.config.overrides import quoted
from exprun.config.schema import Config

MOST = 10_000  # runs of one sweep
LEARNING_RATE, SEED = "optim.learning_rate", "seed"
Job = list[str]


@dataclass(frozen=True)
class Plan:
    """The runs of a sweep.

    Args:
        jobs: the overrides of each run; of `sweep=tuned`, of the runs that choose the learning rates.
        factors: the keys that vary, but for the seed.
        configs: of the jobs, checked.
        arms: of `sweep=tuned`: the overrides that make an arm, and the learning rate that each of its jobs tries.
        seeds: of `sweep=tuned`: the overrides with the seeds that are compared.
    """

    jobs: list[Job]
    factors: list[str]
    configs: list[Config]
    arms: list[tuple[Job, list[float]]] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)

    def chosen(self, figures: Sequence[float]) -> tuple[list[tuple[int, list[Job]]], list[str]]:
        """The runs that are compared, each arm at its best learning rate, and sentences about the choice.

        Args:
            figures: of the jobs, by validation; NaN of one that failed.

        Returns:
            Jobs in a row by the number of the first one, which is the same whatever became of other arms; sentences.
        """
        lowest = self.configs[0].trainer.select == "val/loss"
        rows: list[tuple[int, list[Job]]] = []
        said, start, number = [], 0, len(self.jobs)
        for arm, tried in self.arms:
            part = figures[start : start + len(tried)]
            first, number = number, number + len(self.seeds)
            start += len(tried)
            name = " ".join(word for word in arm if word.split("=")[0].lstrip("+") in self.factors) or "all"
            if all(map(math.isnan, part)):
                said.append(f"{name}: no run of any learning rate finished, so this arm is left out.")
                continue
            ranked = [math.inf if math.isnan(figure) else figure if lowest else -figure for figure in part]
            best = tried[ranked.index(min(ranked))]
            edge = {0: "lowest", len(tried) - 1: "highest"}.get(sorted(tried).index(best))
            beyond = f", the {edge} of those tried: the best may lie beyond (sweep.rates)" if edge else ""
            said.append(f"{name}: learning rate {best:g}{beyond}.")
            jobs = [[*arm, _learning_rate(best), seed] for seed in self.seeds]
            if rows and rows[-1][0] + len(rows[-1][1]) == first:
                rows[-1][1].extend(jobs)
            else:
                rows.append((first, jobs))
        return rows, said


def make(composer: Composer, overrides: Sequence[str]) -> Plan | None:
    """The plan of a multirun, all its configs checked; None where a sweeper of its own searches.

    Args:
        composer: of its configs.
        overrides: as typed.

    Raises:
        ConfigError: one of the runs is wrong, or there are too many.
    """
    given = composer.dimensions(overrides)
    if given is None:
        check_grid(composer.config(composer.single_valued(overrides)), "a search chooses the runs itself")
        return None
    if several := next((key for key, values in given.items() if key.split(".")[0] == "sweep" and len(values) > 1), ""):
        raise ConfigError(f"{several} holds for the whole sweep: give it one value.")
    first = composer.jobs(overrides, [[values[0] for values in given.values()]])[0]
    own = dict(given)
    seeds = own.pop(SEED, [])
    combined, factors = _combinations(composer, first, own)
    factors += [key for key, values in own.items() if len(values) > 1]
    if first.sweep.name == "one_factor":
        arms = _one_factor(list(own.values()))
    else:
        _count(math.prod(map(len, own.values())) * len(combined))
        arms = [[*job, *more] for job in product(*own.values()) for more in combined]
    if first.sweep.name == "tuned":
        if first.sweep.prune != "none":
            raise ConfigError("sweep=tuned compares runs of the same length: leave out sweep.prune.")
        return _tuned(composer, overrides, arms, seeds or [f"{SEED}={first.seed}"], factors, first)
    _count(len(arms) * max(1, len(seeds)))
    jobs = [[*arm, seed] for arm in arms for seed in seeds] if seeds else arms
    return Plan(jobs, factors, composer.jobs(overrides, jobs))


def check_grid(config: Config, why: str) -> None:
    """Refuse what makes sense for a list of runs alone.

    Raises:
        ConfigError: the config has it.
    """
    if config.sweep.name != "grid":
        raise ConfigError(f"sweep={config.sweep.name} says which runs there are, but {why}.")
    if config.sweep.combinations is not None:
        raise ConfigError(f"sweep.combinations says which runs there are, but {why}.")


def _count(runs: int) -> None:
    if runs > MOST:
        raise ConfigError(f"This sweep has {runs:,} runs, more than the {MOST:,} that are allowed.")


def _combinations(composer: Composer, first: Config, given: dict[str, list[str]]) -> tuple[list[Job], list[str]]:
    """The overrides of each mapping of `sweep.combinations`, and the keys in which they differ."""
    if first.sweep.combinations is None:
        return [[]], []
    if first.sweep.name == "one_factor":
        raise ConfigError("sweep=one_factor makes its own combinations; leave out sweep.combinations, or choose grid.")
    jobs: list[Job] = []
    for mapping in first.sweep.combinations:
        job = [f"{key}={_word(value)}" for key, value in mapping.items()]
        composer.check_overrides(job)
        if twice := next((key for key in mapping if key in given or key in (SEED, "run_dir")), ""):
            where = "beside it" if twice in (SEED, "run_dir") else "only once"
            raise ConfigError(f"{twice} stands in sweep.combinations, but must be given {where}.")
        jobs.append(job)
    if not jobs:
        raise ConfigError("sweep.combinations is empty.")
    if len({tuple(job) for job in jobs}) < len(jobs):
        raise ConfigError("sweep.combinations holds the same mapping twice.")
    return jobs, list(dict.fromkeys(key for mapping in first.sweep.combinations for key in mapping))


def _word(value: Any) -> str:
    """A value as an override takes it."""
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else str(value).lower()


def _one_factor(values: Sequence[list[str]]) -> list[Job]:
    """The first value of each, and then each other value with the others at their first."""
    base = [found[0] for found in values]
    jobs = [base]
    for place, found in enumerate(values):
        jobs += [[*base[:place], other, *base[place + 1 :]] for other in found[1:]]
    return jobs


def _learning_rate(value: float) -> str:
    return f"{LEARNING_RATE}={value:g}"


def _tuned(
    composer: Composer, overrides: Sequence[str], arms: list[Job], seeds: list[str], factors: list[str], first: Config
) -> Plan:
    """The runs that choose each arm's learning rate, on which the runs that are compared depend."""
    multiples, tuning = first.sweep.rates, f"{SEED}={first.sweep.tuning_seed}"
    assert multiples is not None
    if any(word.lstrip("+").startswith(f"{LEARNING_RATE}=") for arm in arms for word in arm):
        raise ConfigError(
            f"sweep=tuned chooses {LEARNING_RATE} by itself, around the one of each optimiser: leave it out."
        )
    if tuning in seeds:
        raise ConfigError(f"{tuning} chooses the learning rates (sweep.tuning_seed), so it cannot be compared too.")
    _count(len(arms) * (len(multiples) + len(seeds)))
    own = [config.optim.learning_rate for config in composer.jobs(overrides, arms)]
    tried = [
        (arm, [float(f"{value * multiple:.6g}") for multiple in multiples])
        for arm, value in zip(arms, own, strict=True)
    ]
    jobs = [[*arm, _learning_rate(value), tuning] for arm, values in tried for value in values]
    # What is compared afterwards is checked now too, at any of the learning rates.
    composer.jobs(overrides, [[*arm, seed] for arm in arms for seed in seeds])
    return Plan(jobs, factors, composer.jobs(overrides, jobs), tried, seeds)
