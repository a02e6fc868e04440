"""The memory that a run may use, and a check that a batch fits into it.

Without the check, the operating system would kill a process that runs out of memory on a CPU, without any message.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import RunError

LIMITS = ("memory.max", "memory.limit_in_bytes")  # files with the limit of a control group, version 2 and version 1
VIEWS = ("Flatten", "Reshape", "InputLayer", "Dropout")  # layers whose output needs little or no memory of its own
SURE = 0.5  # the least memory of a step, in sizes of all layers' outputs; some outputs are freed early or shared
FEW = 2  # images in a pass, at least, which can be compared
SMALLER = "a smaller data.size makes the images smaller"
USUAL = 1.5  # the usual memory of a step in the same unit, with gradients and copies


def total(root: Path = Path("/")) -> int | None:
    """The memory of the machine or of its container in bytes, whichever is less; None if it is not known.

    Args:
        root: root of the file system with /proc and /sys.
    """
    limits = list(_limits(root))
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(limits, default=None)


def available(root: Path = Path("/")) -> int | None:
    """The free memory of the machine or of its container in bytes, whichever is less; None if it is not known.

    Args:
        root: root of the file system with /proc and /sys.
    """
    free = []
    try:
        resident, shared = map(int, (root / "proc/self/statm").read_text().split()[1:3])
        used = (resident - shared) * os.sysconf("SC_PAGE_SIZE")  # shared pages, which are pages of files, can be freed
        free += [limit - used for limit in _limits(root)]
        lines = (root / "proc/meminfo").read_text().splitlines()
        free += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    return min(free, default=None)


def _limits(root: Path) -> Iterator[int]:
    """The memory limits of the control groups of this process, in bytes, from the innermost group to the root."""
    for folder in control_groups("memory", root):
        for name in LIMITS:
            try:
                yield int((folder / name).read_text())  # a limit of `max` raises a ValueError
            except (OSError, ValueError):
                continue


def control_groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """The folders of the control groups of this process, from the innermost group to the root.

    Args:
        controller: the controller, `memory` or `cpu`; in version 1, each has control groups of its own.
        root: root of the file system with /proc and /sys.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / controllers
        for folder in (top / path.lstrip("/"), *(top / path.lstrip("/")).parents):
            if folder == top.parent:
                break
            yield folder


def needed(model: Any, precision: str) -> int:
    """The size of all layers' outputs for one image, in bytes.

    Args:
        model: a built Keras model.
        precision: the precision of the run; half precision halves the size.
    """
    count = 0
    for layer in model._flatten_layers(include_self=False):
        if type(layer).__name__ in VIEWS:
            continue
        try:
            shapes = layer.output.shape if not isinstance(layer.output, list) else None
        except (AttributeError, ValueError):  # a layer that is used several times, or inside another model
            continue
        if shapes is not None and None not in shapes[1:]:
            count += math.prod(shapes[1:])
    return count * (4 if precision == "float32" else 2)


def check_batch(model: Any, precision: str, batch: int, left: int | None) -> None:
    """Refuse a batch that certainly needs more memory than is available.

    Args:
        model: a built Keras model.
        precision: the precision of the run.
        batch: the number of images in the batch.
        left: the available memory in bytes, or None if it is not known.

    Raises:
        RunError: the batch needs more memory; the message names a batch size that fits.
    """
    one = needed(model, precision)
    if left is None or SURE * one * batch <= left:
        return
    fits = left / (USUAL * one)
    advice = f"trainer.batch_size={2 ** int(math.log2(fits))} fits" if fits >= 1 else SMALLER
    raise RunError(
        f"A batch of {batch} images takes at least {SURE * one * batch / 2**30:.1f} GB, but only "
        f"{left / 2**30:.1f} GB of memory are left; {advice}."
    )


def passed(model: Any, precision: str, most: int, left: int | None) -> int:
    """The number of images of a pass that keeps the outputs of all layers: as many as memory allows, at least `FEW`.

    Args:
        model: a built Keras model.
        precision: the precision of the run.
        most: the largest number of images.
        left: the available memory in bytes, or None if it is not known.

    Raises:
        RunError: not even `FEW` images fit.
    """
    one = max(1, needed(model, precision))
    if left is None or USUAL * one * most <= left:
        return most
    if FEW * one > left:
        raise RunError(
            f"To pass {FEW} images through the network takes at least {FEW * one / 2**30:.1f} GB, but only "
            f"{left / 2**30:.1f} GB of memory are left; {SMALLER}."
        )
    return max(FEW, int(left / (USUAL * one)))
