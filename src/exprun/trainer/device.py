"""Where a run computes and how precisely, decided by the config and what the machine has."""

import functools
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from exprun.config.errors import RunError, say
from exprun.config.schema import Trainer
from exprun.kernels import SPLIT
from exprun.text import plural
from exprun.trainer.memory import control_groups

VECTORS = ("sse4", "avx", "amx", "fma", "asimd", "sve", "bf16", "i8mm")  # how such instructions' flags begin
# How environment variables begin by which oneDNN, XLA and cuDNN compute otherwise.
VARIABLES = ("ONEDNN_", "DNNL_", "TF_ONEDNN_", "TF_SET_ONEDNN_", "TF_XLA_", "XLA_FLAGS", "TF_CUDNN_", "NVIDIA_TF32_")


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


_fixed: list[int] = []  # the number of threads that a run of this process has asked for


def set_threads(config: Trainer) -> None:
    """Fix the threads that share an operation, on which the order of its sums depends, before TensorFlow starts.

    A deterministic run takes one for each core of the machine, whatever the process may use and the environment says.

    Raises:
        RunError: TensorFlow has started in this process with another number than `trainer.threads`.
    """
    wanted = config.threads or (os.cpu_count() if config.deterministic else None)
    before = _intra_op_threads()
    started = f"TensorFlow has started in this process with {plural(before, 'thread')} per operation"
    if wanted is None:
        if before in _fixed:
            say(f"{started}, as a run before asked: run on its own, it may give different bits.")
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        _fixed[:] = [wanted]
    except RuntimeError:
        if config.threads not in (None, before):
            raise RunError(
                f"{started}, so a run with trainer.threads={config.threads} needs a command of its own."
            ) from None
        if before != wanted:
            say(f"{started}, not the {wanted} of a deterministic run: run on its own, it may give different bits.")


def computing() -> dict[str, str]:
    """What the bits of a result depend on beside config, code and data, and the cores, on which its time depends."""
    from tensorflow.python.util import _pywrap_util_port

    inter = tf.config.threading.get_inter_op_parallelism_threads() or _positive("TF_NUM_INTEROP_THREADS")
    return {
        "cores": f"{_usable_cores():g}",
        "intra_op_threads": str(_intra_op_threads()),
        "inter_op_threads": str(inter or _allowed_cores()),
        "onednn": "on" if _pywrap_util_port.IsMklEnabled() else "off",
        "instructions": " ".join(flag for flag in sorted(_flags()) if flag.startswith(VECTORS)),
        "variables": " ".join(f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(VARIABLES)),
    }


def _intra_op_threads() -> int:
    """As TensorFlow decides: what the process has set, then the environment, then the cores that it may use."""
    set_here = tf.config.threading.get_intra_op_parallelism_threads()
    return set_here or _positive("TF_NUM_INTRAOP_THREADS") or _allowed_cores()


def _positive(variable: str) -> int:
    """A number from the environment; 0 where there is none above 0."""
    try:
        return max(0, int(os.environ.get(variable, "")))
    except ValueError:
        return 0


def _allowed_cores() -> int:
    """The cores on which the system lets this process run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _usable_cores(root: Path = Path("/")) -> float:
    """The same, and no more than the processor time that a container gets.

    Args:
        root: of the file system that is asked.
    """
    found = [float(_allowed_cores())]
    for folder in control_groups("cpu", root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if float(quota) > 0:  # `max` is no number
                found.append(float(quota) / float(period))
        except (OSError, ValueError):
            continue
    return min(found)


def _describe(gpus: list[Any], replicas: int) -> str:
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    else:
        usable, there = _usable_cores(), os.cpu_count() or 1
        cores = f"{usable:g} of {there} cores" if usable < there else f"{there} cores"
        name = f"CPU ({_cpu_info('model name') or platform.machine()}, {cores})"
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
