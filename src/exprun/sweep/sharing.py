"""Decide how many workers a sweep has: the number in its config, or the fastest one, which is measured once."""

import contextlib
import json
import logging
import os
import queue
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil

from exprun.config.applications import IMAGENET
from exprun.config.datasets import facts_of
from exprun.config.errors import DataError
from exprun.config.schema import Config, settings
from exprun.data.dataset import read_pool
from exprun.data.shape import image_shape
from exprun.logs import logging_to
from exprun.outputs import run_of_sweep
from exprun.preflight import FEWEST_CLASSES
from exprun.run_folder import RunFolder
from exprun.sweep import gpus, speeds
from exprun.sweep.folder import LOG
from exprun.sweep.job import clear_session, shared_session
from exprun.sweep.plan import Plan
from exprun.sweep.process import Ended, Events, Process, Said
from exprun.sweep.speeds import MEMORY_SHARE, Speeds, possible
from exprun.sweep.workers import Workers
from exprun.trainer import cores, memory

log = logging.getLogger(__name__)
FEWEST_STEPS = 300  # steps of a sweep with fewer of which nothing is measured
MEASURED_SECONDS = 30.0  # training time of a sweep without workers from which on it pays to measure how many to use
KNOWN_SECONDS = 10.0  # the same, from which on it pays to start workers whose number is known
FOLDED = ("split_seed", "fold")  # settings of the data that change its splits only
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")  # names of the times in which a core is not idle
MAX_OTHERS = 0.15  # share of the cores that other programs may use while speeds are measured that are remembered
SECONDS = 1.5  # time of one measurement


def choose(config: Config, plan: Plan, folder: Path) -> Workers | None:
    """The workers of a sweep; None if this process trains its runs, one after the other.

    Args:
        config: the config of the first run.
        plan: the plan of the runs.
        folder: the folder of the sweep.
    """
    left = len(plan.jobs)
    if config.sweep.rerun != "changed":
        left = sum(not is_done(folder, number) for number in range(left))
    runs = len(plan.jobs) if plan.in_parts else left  # the runs of later parts are not known yet
    number = config.sweep.workers
    if runs < 2 or number == 1:
        return None
    if number != "auto":
        return Workers(min(number, runs), config, folder)
    if not _can_measure(config):
        return None
    more, known = _more_memory(plan.configs), speeds.recall(config)
    if known is not None:
        numbers = _possible(known, runs, more)
        if runs * speeds.steps(config, known.images) / known.rates[1] < KNOWN_SECONDS:
            return None
        if known.unknown(numbers) is None:
            count = known.fastest(numbers)
            return _told(Workers(count, config, folder), known) if count > 1 else None
    if left < 2 or runs * speeds.steps(config, _most_images(config)) < FEWEST_STEPS:
        return None
    return _measured(config, runs, more, folder)


def is_done(folder: Path, number: int) -> bool:
    """Whether a run of a sweep is complete.

    Args:
        folder: the folder of the sweep.
        number: the number of the run.
    """
    return RunFolder(run_of_sweep(folder, number)).status == "FINISHED"


def cache_images(configs: Sequence[Config]) -> None:
    """Decode the images of all runs, so that the workers find them in the cache."""
    seen = {
        json.dumps({key: value for key, value in asdict(config.data).items() if key not in FOLDED}): config.data
        for config in configs
    }
    for data in seen.values():
        with contextlib.suppress(DataError):  # the run itself reports it
            read_pool(data)


def _can_measure(config: Config) -> bool:
    """Whether the fastest number of workers can be found for the runs of a config.

    Runs that end after `trainer.max_seconds` would get fewer steps. A step that is not shared would be compiled twice.
    The memory of a GPU is shared out if it is known.
    """
    model, trainer = config.model, config.trainer
    is_shared = not (model.builder or model.preset or model.teacher or model.weights not in (None, IMAGENET))
    is_alone = trainer.max_seconds is None and not trainer.dry_run and trainer.strategy in ("auto", "single")
    has_cores = cores.usable() >= 2 and hasattr(os, "sched_setaffinity")
    return is_shared and is_alone and has_cores and (not memory.may_have_gpu() or bool(gpus.visible()))


def _most_images(config: Config) -> int:
    """The largest number of training images that the data set of a config may have."""
    facts = facts_of(config.data)
    return min(facts.train if facts else sys.maxsize, config.data.limit or sys.maxsize)


def _more_memory(configs: Sequence[Config]) -> int:
    """The bytes that the largest run needs more than the first one, by the sizes of networks and batches."""
    sizes: dict[str, int] = {}
    for config in configs:
        trainer = config.trainer
        batch = (trainer.batch_size, trainer.accumulate, trainer.precision)
        key = repr((config.model, config.norm, config.optim.name, config.data, batch))
        if key not in sizes:
            shape, facts = image_shape(config.data), facts_of(config.data)
            classes = len(config.data.classes or (facts.classes if facts else ())) or FEWEST_CLASSES
            sizes[key] = memory.usual(config, shape, classes) if shape is not None else 0
    found = list(sizes.values())
    return max(found) - found[0]


def _possible(found: Speeds, runs: int, more: int) -> list[int]:
    """The numbers of workers that are worth measuring on this machine.

    Args:
        found: what is known about the network of the first run.
        runs: the number of runs.
        more: the bytes that the largest run needs more than the first one.
    """
    needs = replace(found, memory=found.memory + more)
    numbers = possible(int(cores.usable()), runs, memory.available(), needs)
    if not found.gpu_memory:
        return numbers
    return gpus.possible(gpus.visible(), max(numbers, default=1), found.gpu_memory + more, MEMORY_SHARE)


def _measured(config: Config, runs: int, more: int, folder: Path) -> Workers | None:
    """The workers of a sweep, after the speeds of its network are measured and remembered; None for one run at a time.

    Args:
        config: the config of the first run.
        runs: the number of runs.
        more: the bytes that the largest run needs more than the first one.
        folder: the folder of the sweep.
    """
    shown = config.progress != "quiet"
    with logging_to(folder / LOG):
        from exprun.sweep.probe import Probe, gpu_peak, peak

        try:
            probe = Probe(config, shared_session())
            images = len(probe.feed)
            if runs * speeds.steps(config, images) * probe.step_seconds() < MEASURED_SECONDS:
                return None
            if shown:
                print("sweep: measuring how many workers are the fastest", flush=True)
            busy = Busy()
            rate, used = probe.rate(SECONDS)
            is_quiet = busy.others(used) <= MAX_OTHERS
            found = Speeds(images, peak(), {1: rate}, gpu_peak())
        except Exception:  # the run itself will report it
            log.exception("The speed of a run could not be measured")
            return None
        del probe
    events: Events = queue.Queue()
    processes: list[Process] = []
    numbers = _possible(found, runs, more)
    try:
        while (number := found.unknown(numbers)) is not None:
            _kill(processes)
            parts = zip(speeds.shares(cores.allowed(), number), gpus.shares(number), strict=True)
            deterministic, logged = config.trainer.deterministic, folder / LOG
            processes = [Process(share, deterministic, logged, events, gpu) for share, gpu in parts]
            found.rates[number], others = _rate(processes, config, events)
            is_quiet = is_quiet and others <= MAX_OTHERS
        if is_quiet and all(found.rates.values()):
            speeds.remember(config, found)
        count = found.fastest(numbers)
        if count > 1:
            if len(processes) != count:
                _kill(processes)
                processes = []
            clear_session()
            return _told(Workers(count, config, folder, processes, events), found)
    except BaseException:
        _kill(processes)
        raise
    _kill(processes)
    if shown and len(found.rates) > 1:
        best = max(found.gain(number) for number in found.rates if number > 1)
        why = f"would be {best:.2f} times as fast" if best else f"could not be started ({folder / LOG})"
        print(f"sweep: one run after the other, as workers {why}", flush=True)
    return None


def _rate(processes: list[Process], config: Config, events: Events) -> tuple[float, float]:
    """The steps per second that processes take together, at the same time, and the cores that other programs use.

    The rate is 0 if one of the processes fails.
    """
    for process in processes:
        process.send({"probe": settings(config)})
    if _answers(processes, events) is None:
        return 0.0, 0.0
    busy = Busy()
    for process in processes:
        process.send({"seconds": SECONDS})
    answers = _answers(processes, events)
    if answers is None:
        return 0.0, 0.0
    others = busy.others(sum(answer["cores"] for answer in answers))
    return sum(answer["rate"] for answer in answers), others


def _answers(processes: list[Process], events: Events) -> list[dict[str, Any]] | None:
    """The next message of each process; None if one of them fails."""
    left, answers = set(processes), []
    while left:
        process, message = events.get()
        if process not in left or isinstance(message, Said):
            continue
        if isinstance(message, Ended) or "error" in message:
            return None
        left.discard(process)
        answers.append(message)
    return answers


class Busy:
    """Measures how many of the cores of this process are busy, from its creation on."""

    def __init__(self) -> None:
        self.started, self.before = time.perf_counter(), self._seconds()

    def others(self, used: float) -> float:
        """The share of the cores that other programs have used since then.

        Args:
            used: the number of cores that the measured processes have used on average.
        """
        busy = (self._seconds() - self.before) / (time.perf_counter() - self.started)
        return max(0.0, busy - used) / len(cores.allowed())

    def _seconds(self) -> float:
        """The time for which the cores have been busy so far, in seconds, added up."""
        times = psutil.cpu_times(percpu=True)
        return sum(getattr(times[core], kind, 0.0) for core in cores.allowed() if core < len(times) for kind in BUSY)


def _kill(processes: list[Process]) -> None:
    for process in processes:
        process.kill()


def _told(workers: Workers, found: Speeds) -> Workers:
    """The workers, after their number is printed."""
    if workers.config.progress != "quiet":
        gain = found.gain(len(workers.shares))
        print(
            f"sweep: {workers.text} ({gain:.2f} times as fast as one run after the other, measured for this network "
            "and machine)",
            flush=True,
        )
    return workers
