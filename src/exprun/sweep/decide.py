"""A deciding sweep: rounds of seeds, after each of which the arms that nothing undecided needs get no further seeds.

The decisions are computed from the runs in the sweep's folder. The file `decide.json` records the arms of each round
when it starts, so that the numbers of the runs stay the same when the sweep is repeated or several processes share it.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exprun.compare import deciding
from exprun.compare.arms import Arm, label, levels_of, varying
from exprun.compare.deciding import Look, Rule
from exprun.compare.design import Family, family
from exprun.compare.outcomes import diverged, images, value
from exprun.compare.sentences import p_value, unit
from exprun.compare.spending import FIRST_LOOK
from exprun.config.budget import Budget
from exprun.config.errors import RunError, without_password
from exprun.files import write_whole
from exprun.locks import file_lock
from exprun.metrics import is_better_low
from exprun.outputs import run_of_sweep
from exprun.records import Run, read_run
from exprun.sweep.job import Score
from exprun.text import joined, json_text, plural

RECORD = "decide.json"  # in the sweep's folder: the arms, their places in each round, and the verdict
Launch = Callable[[list[list[str]], int], list[Score]]  # runs jobs in folders numbered from a number, and waits for all


@dataclass(frozen=True)
class Deciding:
    """A deciding sweep.

    Args:
        arms: the overrides of each arm.
        seeds: the overrides with the seeds, in the order in which arms get them.
        rule: how the sweep decides.
        budget: what the sweep may use.
    """

    arms: list[list[str]]
    seeds: list[str]
    rule: Rule
    budget: Budget

    def jobs(self, number: int, arms: Sequence[int]) -> list[list[str]]:
        """The runs of a round: the seeds of the first look, or one further seed, for each arm.

        Args:
            number: the number of the round, from 0.
            arms: the places of the arms in the round.
        """
        seeds = self.seeds[:FIRST_LOOK] if number == 0 else [self.seeds[FIRST_LOOK + number - 1]]
        return [[*self.arms[arm], seed] for arm in arms for seed in seeds]


@dataclass(frozen=True)
class State:
    """What the runs so far show.

    Args:
        arms: the arms, in the order of the sweep, with the runs that have started.
        factors: the keys of the factors.
        family: the contrasts of the design.
        looks: what is known after each look.
        seconds: the time of all runs in seconds.
    """

    arms: list[Arm]
    factors: list[str]
    family: Family
    looks: list[Look]
    seconds: float

    @property
    def runs(self) -> int:
        """The number of runs that have started."""
        return sum(len(arm.runs) + len(arm.lost) for arm in self.arms)

    def name(self, arm: int) -> str:
        """The name of an arm."""
        return label(self.arms[arm].levels, self.factors)

    def names(self, arms: Sequence[int]) -> str:
        """The names of arms in a sentence."""
        return joined([self.name(arm) for arm in arms])

    def needed(self, rule: Rule) -> list[int]:
        """The arms that need further seeds; those without any value get none, and an arm alone has no rival."""
        needed = np.ones(len(self.arms), bool)
        if self.looks:
            needed = (self.looks[-1].best if rule.goal == "best" else self.looks[-1].decided).needed[0]
        found = [number for number, arm in enumerate(self.arms) if needed[number] and arm.values]
        return found if len(found) > 1 else []


def decide(sweep: Deciding, folder: Path, launch: Launch, show: Callable[[str], None]) -> list[Score]:
    """Run rounds until all is decided, the seeds are used up, or the budget is; returns the scores of all runs.

    Args:
        sweep: the sweep.
        folder: the folder of the sweep.
        launch: runs the jobs of a round.
        show: prints a line.

    Raises:
        RunError: no run has the metric by which the sweep decides.
    """
    scores: list[Score] = []
    rounds: list[list[int]] = []
    arms, ending = list(range(len(sweep.arms))), ""
    while arms:
        rounds.append(_started(sweep, folder, len(rounds), arms))
        done = launch(sweep.jobs(len(rounds) - 1, rounds[-1]), len(scores))
        scores += done
        if any(score.state == "stopped" for score in done):
            return scores
        state = state_of(sweep, folder, rounds)
        arms = state.needed(sweep.rule)
        for line in _news(sweep.rule, state, FIRST_LOOK + len(rounds) - 1, len(arms)):
            show(line)
        planned = _recorded(sweep, folder)
        if len(planned) > len(rounds):  # the round has started before: its runs are kept
            arms = planned[len(rounds)]
        else:
            arms, ending = _affordable(sweep, state, arms, len(rounds))
    verdict = _verdict(sweep, state, ending)
    with _locked(folder):
        if _recorded(sweep, folder) == rounds:  # a process with a larger budget may have started another round
            _record(sweep, folder, rounds, verdict)
    show(verdict)
    return scores


def _affordable(sweep: Deciding, state: State, arms: list[int], number: int) -> tuple[list[int], str]:
    """The arms of the next round, none if it may not start, and the reason for this.

    Args:
        sweep: the sweep.
        state: what the runs so far show.
        arms: the arms that need further seeds.
        number: the number of the next round.
    """
    if not arms:
        return [], ""
    if FIRST_LOOK + number > sweep.rule.max_seeds:
        return [], f"after {sweep.rule.max_seeds} seeds"
    budget, runs = sweep.budget, state.runs
    if budget.runs is not None and runs + len(arms) > budget.runs:
        return [], f"within the budget of {budget.text}"
    if budget.seconds is not None and state.seconds * (1 + len(arms) / runs) > budget.seconds:
        return [], f"within the budget of {budget.text}"
    return arms, ""


def state_of(sweep: Deciding, folder: Path, rounds: Sequence[Sequence[int]]) -> State:
    """What the runs of the first rounds show.

    Args:
        sweep: the sweep.
        folder: the folder of the sweep.
        rounds: the arms of each round.

    Raises:
        RunError: no run has the metric by which the sweep decides.
    """
    runs_of: list[list[Run]] = [[] for _ in sweep.arms]
    first = 0
    for number, arms in enumerate(rounds):
        owners = [arm for arm in arms for _ in range(FIRST_LOOK if number == 0 else 1)]
        for place, arm in enumerate(owners, first):
            if (run := read_run(run_of_sweep(folder, place))) is not None:
                runs_of[arm].append(run)
        first += len(owners)
    runs = [run for some in runs_of for run in some]
    metric = sweep.rule.metric
    if not any(value(run, metric) is not None for run in runs):
        metrics = sorted({name for run in runs for name in run.metrics})
        has = f"no run has it; the metrics are {', '.join(metrics)}" if metrics else "no run has finished"
        raise RunError(f"The sweep cannot decide by sweep.metric={metric}: {has}.")
    factors = varying(runs)
    found = [_arm(some, factors, metric) for some in runs_of]
    design, table = family(found, factors), deciding.table_of(found, sweep.rule.max_seeds)
    seconds = math.fsum(run.metrics.get("time/seconds", 0.0) for run in runs)
    looks = deciding.looks_at(table, sweep.rule, design, is_better_low(metric))
    return State(found, factors, design, looks, seconds)


def _arm(runs: Sequence[Run], factors: Sequence[str], metric: str) -> Arm:
    values = [(run, value(run, metric)) for run in runs]
    return Arm(
        levels_of(runs[0], factors) if runs else ("no run",) * len(factors),
        [run for run, found in values if found is not None],
        {run.seed: found for run, found in values if found is not None},
        [run for run, found in values if found is None],
        [run for run in runs if diverged(run, metric)],
        images(runs, metric),
    )


def _news(rule: Rule, state: State, seeds: int, going: int) -> Iterator[str]:
    """Lines about what a round has decided.

    Args:
        rule: how the sweep decides.
        state: what the runs so far show.
        seeds: the number of seeds at the look.
        going: the number of arms that need further seeds.
    """
    looks = [look for look in state.looks if look.seeds <= seeds]
    start = f"decide: {plural(seeds, 'seed')}, {plural(state.runs, 'run')}"
    rest = f"{plural(going, 'arm')} {'goes' if going == 1 else 'go'} on" if going else "no arm goes on"
    if not looks or looks[-1].seeds != seeds:
        yield f"{start}: too few runs have a result; {rest}."
        return
    last = looks[-1]
    before = looks[-2] if len(looks) > 1 else None
    found = _dropped(state, last, before) if rule.goal == "best" else _found(state, last, before)
    yield f"{start}: {'; '.join(found) or 'nothing new is decided'}; {rest}."


def _dropped(state: State, last: Look, before: Look | None) -> list[str]:
    """Clauses about the arms that this look has shown to be worse."""
    better, probability = last.best.better[0], last.best.probability[0]
    news = (better >= 0) & (before.best.active[0] if before else True)
    return [
        f"{state.name(arm)} is worse than {state.name(better[arm])} ({p_value(probability[arm])})"
        for arm in range(len(state.arms))
        if news[arm]
    ]


def _found(state: State, last: Look, before: Look | None) -> list[str]:
    """Clauses about the contrasts that this look has decided."""
    differs, small = last.decided.differs[0].copy(), last.decided.equivalent[0].copy()
    if before:
        differs &= ~before.decided.differs[0]
        small &= ~before.decided.equivalent[0]
    changes = [contrast.change for contrast in state.family.contrasts]
    return [f"{change} differs" for change, is_new in zip(changes, differs, strict=True) if is_new] + [
        f"{change} is below the margin" for change, is_new in zip(changes, small, strict=True) if is_new
    ]


def _verdict(sweep: Deciding, state: State, ending: str) -> str:
    """The verdict of the sweep in a sentence, with the runs that it saved.

    Args:
        sweep: the sweep.
        state: what all runs show.
        ending: why the sweep ended before all was decided; empty if all is decided.
    """
    text = _best(sweep, state, ending) if sweep.rule.goal == "best" else _effects(state, ending)
    most = len(sweep.arms) * len(sweep.seeds)
    saved = f", {100 * (1 - state.runs / most):.0f} % fewer than all {most:,}" if state.runs < most else ""
    return f"decided: {text} ({plural(state.runs, 'run')}{saved})."


def _best(sweep: Deciding, state: State, ending: str) -> str:
    if not state.looks:
        return "nothing, as too few runs have a result"
    best = state.looks[-1].best
    sign = 1 if is_better_low(sweep.rule.metric) else -1
    left = [number for number, arm in enumerate(state.arms) if best.active[0, number] and arm.values]
    left.sort(key=lambda number: sign * state.arms[number].mean)
    without = sum(not arm.values for arm in state.arms)
    verb = "is" if without == 1 else "are"
    lost = f"; {plural(without, 'arm')} without a result {verb} not judged" if without else ""
    if len(left) == 1:
        others = len(state.arms) - without - 1
        rest = "the other arm is" if others == 1 else f"all {others} other arms are"
        return f"{state.name(left[0])} is the best, {rest} shown to be worse{lost}"
    if best.equivalent[0]:
        margin = f"{sweep.rule.margin:g}{unit(sweep.rule.metric)[1]}"
        return f"{state.names(left)} are the best, with no difference above {margin}{lost}"
    return f"nothing further {ending}: {state.names(left)} may each be the best{lost}"


def _effects(state: State, ending: str) -> str:
    if not state.looks:
        return "nothing, as too few runs have a result"
    if not state.family.contrasts:
        return "nothing, as no effect can be computed from these arms"
    decided = state.looks[-1].decided
    open_ones = [
        contrast.change
        for contrast, is_decided in zip(state.family.contrasts, (decided.differs | decided.equivalent)[0], strict=True)
        if not is_decided
    ]
    count = plural(len(state.family.contrasts), "contrast")
    if not open_ones:
        return f"all of {count}"
    done = len(state.family.contrasts) - len(open_ones)
    return f"{done} of {count}; not decided {ending}: {', '.join(open_ones)}"


# ---- The record of rounds --------------------------------------------------------------------------------------------


def verdict_of(folder: Path) -> str:
    """The verdict of a deciding sweep; empty if the sweep has none."""
    return str(_read(folder).get("verdict", ""))


def _recorded(sweep: Deciding, folder: Path) -> list[list[int]]:
    """The arms of each round that has started; none if the folder held a sweep with other arms before."""
    record = _read(folder)
    return record.get("rounds", []) if record.get("arms") == _names(sweep) else []


def _started(sweep: Deciding, folder: Path, number: int, arms: list[int]) -> list[int]:
    """The arms of a round: those recorded by the process that started the round, or these ones, which it records.

    Args:
        sweep: the sweep.
        folder: the folder of the sweep.
        number: the number of the round, from 0.
        arms: the arms that need further seeds.
    """
    with _locked(folder):
        rounds = _recorded(sweep, folder)
        if len(rounds) > number:
            return rounds[number]
        _record(sweep, folder, [*rounds, arms])
        return arms


def _names(sweep: Deciding) -> list[str]:
    return [without_password(" ".join(arm)) for arm in sweep.arms]


def _locked(folder: Path) -> contextlib.AbstractContextManager[None]:
    return file_lock(folder / f"{RECORD}.lock", wait=True)


def _record(sweep: Deciding, folder: Path, rounds: list[list[int]], verdict: str = "") -> None:
    content = {"arms": _names(sweep), "rounds": rounds, "verdict": verdict}
    write_whole(folder / RECORD, json_text(content))


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
