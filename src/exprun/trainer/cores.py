"""The processor cores of this process. Nothing here imports TensorFlow."""

import os
from pathlib import Path

from exprun.trainer.memory import control_groups

_whole: list[float] = []  # the cores of the sweep of which this process is a worker; empty in any other process


def allowed() -> list[int]:
    """The numbers of the cores on which the operating system lets this process run, in ascending order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable(root: Path = Path("/")) -> float:
    """The number of cores that this process may use, limited by the processor time of its container.

    Args:
        root: root of the file system with /proc and /sys.
    """
    limits = [float(len(allowed()))]
    for folder in control_groups("cpu", root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if float(quota) > 0:  # a quota of `max` raises a ValueError
                limits.append(float(quota) / float(period))
        except (OSError, ValueError):
            continue
    return min(limits)


def whole() -> float:
    """The number of cores that this process may use or, if it is a worker of a sweep, that the whole sweep may use."""
    return _whole[0] if _whole else usable()


def share_of(count: float) -> None:
    """Record that this process is a worker of a sweep.

    Args:
        count: the number of cores that the whole sweep may use.
    """
    _whole[:] = [count]


def cpu_info(key: str) -> str:
    """The value of a key in /proc/cpuinfo; empty if there is none."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.split(":")[0].strip() == key:
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""
