"""The GPUs of this machine, which the workers of a sweep share. Nothing here imports TensorFlow.

Each worker has one GPU. Several workers share one, as TensorFlow takes its memory step by step (memory growth).
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from exprun.trainer import memory

VISIBLE = "CUDA_VISIBLE_DEVICES"
QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.free", "--format=csv,noheader,nounits")
QUERY_SECONDS = 20.0  # a driver that no process uses is loaded first
CONTEXT = 2**30  # bytes that CUDA, cuDNN and compiled kernels take in each process, at most
GROWTH = 2  # TensorFlow takes memory in regions that double in size, so up to twice the memory that a run needs


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Args:
        uuid: its name in CUDA_VISIBLE_DEVICES.
        name: its model.
        free: its free memory in bytes.
    """

    uuid: str
    name: str
    free: int


def visible() -> list[Gpu]:
    """The GPUs that this process may use; none if NVIDIA's tool does not report them."""
    if not memory.may_have_gpu():
        return []
    try:
        output = subprocess.run(QUERY, capture_output=True, text=True, timeout=QUERY_SECONDS, check=True).stdout
        found: dict[str, Gpu] = {}
        for line in output.splitlines():
            index, uuid, name, free = (part.strip() for part in line.split(","))
            found[index] = Gpu(uuid, name, int(free) * 2**20)
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    if VISIBLE not in os.environ:
        return list(found.values())
    chosen = []
    for word in os.environ[VISIBLE].split(","):
        matching = [gpu for index, gpu in found.items() if word.strip() in (index, gpu.uuid)]
        if not matching:  # CUDA ignores what comes after a GPU that does not exist; parts of GPUs are not shared here
            break
        chosen += matching
    return chosen


def shares(workers: int) -> list[str | None]:
    """The GPU of each worker, as CUDA_VISIBLE_DEVICES names it, in turn; None if there is none that is known."""
    gpus = [gpu.uuid for gpu in visible()]
    return [gpus[worker % len(gpus)] if gpus else None for worker in range(workers)]


def possible(gpus: Sequence[Gpu], most: int, needed: int, share: float) -> list[int]:
    """The numbers of workers that are worth measuring, in ascending order: 1, 2, 4, … for each GPU.

    Args:
        gpus: the GPUs; none if NVIDIA's tool no longer answers.
        most: the largest number of workers.
        needed: the memory of a GPU that a run needs at most, in bytes.
        share: the share of the free memory that workers may use.
    """
    each = min((int(share * gpu.free / (CONTEXT + GROWTH * needed)) for gpu in gpus), default=0)
    most, count = min(most, each * len(gpus)), len(gpus)
    numbers = [min(count, most)]
    while count < most:
        count *= 2
        numbers.append(min(count, most))
    return [number for number in numbers if number > 1]
