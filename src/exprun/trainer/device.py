"""The devices, precision and threads of a run, chosen from its config and the hardware of the machine."""

import functools
import os
import platform
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from exprun.config.errors import RunError, say
from exprun.config.schema import Trainer
from exprun.kernels import SPLIT
from exprun.text import plural
from exprun.trainer import cores

VECTORS = ("sse4", "avx", "amx", "fma", "asimd", "sve", "bf16", "i8mm")  # prefixes of the flags of vector instructions
# Prefixes of environment variables that change how oneDNN, XLA and cuDNN compute.
VARIABLES = ("ONEDNN_", "DNNL_", "TF_ONEDNN_", "TF_SET_ONEDNN_", "TF_XLA_", "XLA_FLAGS", "TF_CUDNN_", "NVIDIA_TF32_")


@dataclass(frozen=True)
class Device:
    """The devices of a run.

    Args:
        strategy: the strategy of `tf.distribute`, or None for one device.
        replicas: the number of copies of the model, which share a batch.
        precision: the precision, `float32`, `mixed_bfloat16` or `mixed_float16`.
        jit: whether steps are compiled with XLA.
        description: the name of the devices, for tables and tags.
        gpu: whether the devices are GPUs.
        bfloat16: the bfloat16 instructions of the CPU to which convolutions are adapted by `kernels.faster`, as a flag
            in /proc/cpuinfo; empty for none.
    """

    strategy: Any | None
    replicas: int
    precision: str
    jit: bool
    description: str
    gpu: bool
    bfloat16: str = ""


def choose(config: Trainer) -> Device:
    """Choose the devices of a run.

    Raises:
        RunError: the batch cannot be divided evenly among the devices.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # an earlier run in this process has already initialised the GPUs
            break
    strategy = _strategy(config.strategy, len(gpus))
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if config.batch_size % (replicas * config.accumulate):
        parts = "" if config.accumulate == 1 else f" in trainer.accumulate={config.accumulate} parts"
        raise RunError(f"trainer.batch_size={config.batch_size} cannot be shared evenly by {replicas} devices{parts}.")
    # The gradient of max pooling is not deterministic with XLA.
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


# One strategy per process: a second one would number its collective operations from the start again, and TensorFlow
# would confuse them with those of the first.
@functools.cache
def _mirrored(gpus: int) -> Any:
    if gpus:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices("CPU")])


@functools.cache
def _multi_worker() -> Any:
    return tf.distribute.MultiWorkerMirroredStrategy()


def _native_precision(gpus: list[Any]) -> str:
    """mixed_bfloat16 if the device multiplies bfloat16 natively (Ampere and later, AVX512-BF16, AMX), else float32."""
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "float32"
    return "mixed_bfloat16" if _flags() & SPLIT.keys() else "float32"


def _flags() -> set[str]:
    """The flags of the processor in /proc/cpuinfo, which name its instructions."""
    return set(cores.cpu_info("flags").split())


_fixed: list[int] = []  # the number of threads that an earlier run in this process has set


def set_threads(config: Trainer) -> None:
    """Set the number of threads per operation, before TensorFlow starts; the order of sums depends on it.

    A deterministic run without `trainer.threads` uses one thread for each core of the machine, independent of the
    environment and of the cores that the process may use.

    Raises:
        RunError: TensorFlow has already started in this process, with a number of threads other than `trainer.threads`.
    """
    wanted = config.threads or (os.cpu_count() if config.deterministic else None)
    current = _intra_op_threads()
    started = f"TensorFlow has started in this process with {plural(current, 'thread')} per operation"
    if wanted is None:
        if current in _fixed:
            say(f"{started}, set by an earlier run; in a process of its own, this run may have slightly other results.")
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)
        _fixed[:] = [wanted]
    except RuntimeError:
        if config.threads not in (None, current):
            raise RunError(
                f"{started}, so a run with trainer.threads={config.threads} needs a command of its own."
            ) from None
        if current != wanted:
            say(
                f"{started}, not the {wanted} of a deterministic run; in a process of its own, this run may have "
                "slightly other results."
            )


def computing() -> dict[str, str]:
    """The settings of the machine on which the last digits of a result depend, and the cores, which decide its speed.

    They are the threads, oneDNN, the vector instructions and environment variables.
    """
    from tensorflow.python.util import _pywrap_util_port

    inter = tf.config.threading.get_inter_op_parallelism_threads() or _positive("TF_NUM_INTEROP_THREADS")
    return {
        "cores": f"{cores.usable():g}",
        "intra_op_threads": str(_intra_op_threads()),
        "inter_op_threads": str(inter or len(cores.allowed())),
        "onednn": "on" if _pywrap_util_port.IsMklEnabled() else "off",
        "instructions": " ".join(flag for flag in sorted(_flags()) if flag.startswith(VECTORS)),
        "variables": " ".join(f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(VARIABLES)),
    }


def _intra_op_threads() -> int:
    """The number of threads per operation that TensorFlow uses.

    It is set in this process, or else by an environment variable; if neither is set, it is the number of cores."""
    set_here = tf.config.threading.get_intra_op_parallelism_threads()
    return set_here or _positive("TF_NUM_INTRAOP_THREADS") or len(cores.allowed())


def _positive(variable: str) -> int:
    """The positive number in an environment variable, or 0."""
    try:
        return max(0, int(os.environ.get(variable, "")))
    except ValueError:
        return 0


def _describe(gpus: list[Any], replicas: int) -> str:
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    else:
        whole, installed = cores.whole(), os.cpu_count() or 1
        count = f"{whole:g} of {installed} cores" if whole < installed else f"{installed} cores"
        name = f"CPU ({cores.cpu_info('model name') or platform.machine()}, {count})"
    return name if replicas == 1 else f"{replicas} × {name}"


def average_over_devices(strategy: Any, variables: list[Any]) -> None:
    """Set variables to their mean over the devices of a `tf.distribute` strategy, each of which has its own copy."""

    def on_replica() -> None:
        context = tf.distribute.get_replica_context()
        # The factor 1.0 makes each value the result of an operation with a device, as the reduction requires.
        values = [1.0 * v.value for v in variables]
        for variable, mean in zip(variables, context.all_reduce(tf.distribute.ReduceOp.MEAN, values), strict=True):
            variable.assign(mean)

    if variables:
        strategy.run(on_replica)
