"""Where a run computes and how precisely, decided by the config and what the machine has."""

import functools
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from exprun.config.errors import RunError
from exprun.config.schema import Trainer
from exprun.kernels import SPLIT


@dataclass(frozen=True)
class Device:
    """The devices of a run.

    Args:
        strategy: of `tf.distribute`, or None for one device.
        replicas: copies of the model that share a batch.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
        jit: whether steps are compiled with XLA.
        description: for tables and tags.
        gpu: whether it computes on GPUs.
        bfloat16: the instructions for it that convolutions are adapted to (`kernels.faster`), or empty.
    """

    strategy: Any | None
    replicas: int
    precision: str
    jit: bool
    description: str
    gpu: bool
    bfloat16: str = ""


def choose(config: Trainer) -> Device:
    """The devices of a run.

    Raises:
        RunError: the batch cannot be shared evenly among them.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # an earlier run in this process has started them already
            break
    strategy = _strategy(config.strategy, len(gpus))
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if config.batch_size % replicas:
        raise RunError(f"trainer.batch_size={config.batch_size} cannot be shared evenly by {replicas} devices.")
    # XLA has no deterministic gradient of max pooling.
    jit = bool(gpus) and not config.deterministic if config.jit == "auto" else config.jit
    precision = _native_precision(gpus) if config.precision == "auto" else config.precision
    native = "" if gpus or jit else next((name for name in SPLIT if name in _flags()), "")
    return Device(strategy, replicas, precision, jit, _describe(gpus, replicas), bool(gpus), native)


def _strategy(name: str, gpus: int) -> Any | None:
    if name == "multi_worker":
        return _multi_worker()
    if name == "mirrored" or (name == "auto" and gpus > 1):
        return _mirrored(gpus)
    return None


# One strategy a process: a second one would number its collective operations from the start again, and
# TensorFlow would take them for those of the first.
@functools.cache
def _mirrored(gpus: int) -> Any:
    if gpus:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])


@functools.cache
def _multi_worker() -> Any:
    return tf.distribute.MultiWorkerMirroredStrategy()


def _native_precision(gpus: list[Any]) -> str:
    """bfloat16 where the device multiplies it natively: Ampere and later, AVX512-BF16, AMX."""
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "float32"
    return "mixed_bfloat16" if _flags() & SPLIT.keys() else "float32"


def _flags() -> set[str]:
    """What the processor can do, by the names of /proc/cpuinfo."""
    return set(_cpu_info("flags").split())


def _describe(gpus: list[Any], replicas: int) -> str:
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    else:
        name = f"CPU ({_cpu_info('model name') or platform.machine()}, {os.cpu_count()} cores)"
    return name if replicas == 1 else f"{replicas} × {name}"


def _cpu_info(key: str) -> str:
    """A line of /proc/cpuinfo; empty where there is none."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.split(":")[0].strip() == key:
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""
