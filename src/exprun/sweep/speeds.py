"""How many workers of a sweep are the fastest: which numbers are measured, and what was measured before.

Nothing here imports TensorFlow, so that a sweep whose speeds are known starts its workers at once.
"""

import contextlib
import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from exprun.config.paths import user_path
from exprun.config.schema import Config, settings
from exprun.files import write_whole
from exprun.sweep import gpus
from exprun.trainer import cores
from exprun.version import __version__

FILE = "workers.json"  # in the folder of cached images
MAX_ENTRIES = 200  # networks whose speeds are remembered
LEAST_GAIN = 1.1  # from which factor of speed on workers are used
MAX_STEP_SECONDS = 5.0  # longest step of a worker, by the step of a run alone, with which a number is measured
MEMORY_SHARE = 0.8  # share of the free memory that workers may use
# The settings of a run that do not change the speed of its steps, by group.
FREE = {
    "data": ("cache", "split_seed", "fold"),
    "optim": ("learning_rate",),
    "trainer": (
        *("epochs", "max_steps", "patience", "resume", "checkpoint", "log_every", "select", "gap", "tta", "profile"),
        *("swa_start", "eval_batch_size"),
    ),
}
GROUPS = ("model", "norm", "optim", "input", "augment", "adversary", "fault", "loss", "data", "trainer")


@dataclass
class Speeds:
    """The speeds that were measured for one network on one machine.

    Args:
        images: the number of training images.
        memory: the memory that a run needs at most, in bytes; 0 if it is not known.
        rates: the steps per second that all workers take together, by the number of workers; 1 is a run alone on all
            cores.
        gpu_memory: the memory of a GPU that a run needs at most, in bytes; 0 without a GPU.
    """

    images: int
    memory: int
    rates: dict[int, float] = field(default_factory=dict)
    gpu_memory: int = 0

    def gain(self, workers: int) -> float:
        """How many times as fast a number of workers is as one run after the other."""
        return self.rates[workers] / self.rates[1]

    def fastest(self, numbers: Sequence[int]) -> int:
        """The number of workers with which a sweep is fastest, if it is clearly faster than with one, else 1.

        Args:
            numbers: the numbers of workers that are possible.
        """
        best = max((number for number in numbers if number in self.rates), key=self.rates.__getitem__, default=1)
        return best if self.gain(best) >= LEAST_GAIN else 1

    def unknown(self, numbers: Sequence[int]) -> int | None:
        """The next number of workers to measure; None if the fastest is known.

        The search ends with the first number that is slower than the one before.

        Args:
            numbers: the numbers of workers that are possible, in the order in which they are measured.
        """
        before = 0.0
        for number in numbers:
            if number not in self.rates:
                return number
            if self.rates[number] < before:
                return None
            before = self.rates[number]
        return None


def possible(count: int, runs: int, free: int | None, speeds: Speeds) -> list[int]:
    """The numbers of workers that are worth measuring, in descending order; they have 1, 2, 4, … cores each.

    The largest number, with the fewest cores for each worker, is measured first.

    Args:
        count: the number of cores.
        runs: the number of runs.
        free: the free memory in bytes, or None if it is not known.
        speeds: what is known about the network: the time of its step, and the memory of a run.
    """
    most = min(count, runs, int(speeds.rates[1] * MAX_STEP_SECONDS))
    if free is not None and speeds.memory:
        most = min(most, int(MEMORY_SHARE * free / speeds.memory))
    numbers, each = [], 1
    while count // each > 1:
        numbers.append(min(most, count // each))
        each *= 2
    return [number for number in dict.fromkeys(numbers) if number > 1]


def shares(numbers: Sequence[int], workers: int) -> list[list[int]]:
    """The cores of each worker: equal shares if there are enough cores, else one core, which several workers have.

    Args:
        numbers: the numbers of all cores.
        workers: the number of workers.
    """
    count = len(numbers)
    if workers > count:
        return [[numbers[worker % count]] for worker in range(workers)]
    return [list(numbers[worker * count // workers : (worker + 1) * count // workers]) for worker in range(workers)]


def steps(config: Config, images: int) -> int:
    """The number of steps of a run.

    Args:
        config: the config of the run.
        images: the number of training images.
    """
    trainer = config.trainer
    count = trainer.epochs * (images // trainer.batch_size)
    return count if trainer.max_steps is None else min(count, trainer.max_steps)


def recall(config: Config) -> Speeds | None:
    """The speeds that were measured for the network of a config on this machine; None if there are none."""
    entry = _read(_file(config)).get(_key(config), {})
    try:
        rates = {int(number): float(rate) for number, rate in entry["rates"].items()}
        images, used, on_gpu = (int(entry[name]) for name in ("images", "memory", "gpu_memory"))
        return Speeds(images, used, rates, on_gpu) if rates[1] > 0 else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def remember(config: Config, speeds: Speeds) -> None:
    """Remember the speeds of the network of a config on this machine; not if the folder cannot be written."""
    path, key = _file(config), _key(config)
    entries = {other: entry for other, entry in _read(path).items() if other != key}
    kept = dict(list(entries.items())[-MAX_ENTRIES + 1 :])
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(kept | {key: asdict(speeds)}, indent=1))


def _file(config: Config) -> Path:
    return user_path(config.data.cache) / FILE


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _key(config: Config) -> str:
    """A hash of what the speed of a step depends on: the network, its data and optimiser, the machine, and versions."""
    values = settings(config)
    used = {
        group: {key: value for key, value in values[group].items() if key not in FREE.get(group, ())}
        for group in GROUPS
    }
    used["augment"] = {key: bool(value) for key, value in used["augment"].items()}
    machine = [cores.usable(), cores.allowed(), cores.cpu_info("model name"), platform.node(), platform.machine()]
    machine += [gpu.name for gpu in gpus.visible()]
    versions = [__version__, metadata.version("tensorflow")]
    text = json.dumps([used, machine, versions], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
