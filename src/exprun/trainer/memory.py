"""How much memory a run may take, and whether a batch fits: a CPU that has too little ends a process without a word."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import RunError

LIMITS = ("memory.max", "memory.limit_in_bytes")  # of a control group, second and first version
VIEWS = ("Flatten", "Reshape", "InputLayer", "Dropout")  # layers whose output is no array of its own, or a cheap one
SURE = 0.5  # of what the layers' outputs take is needed in any case: some are freed or shared
USUAL = 1.5  # with gradients and copies


def total(root: Path = Path("/")) -> int | None:
    """Bytes that this process may have, by the machine or by its container; None where the system does not tell.

    Args:
        root: of the file system that is asked.
    """
    found = list(_limits(root))
    if hasattr(os, "sysconf"):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def available(root: Path = Path("/")) -> int | None:
    """Bytes that are left of it; None where the system does not tell."""
    found = []
    try:
        resident, shared = map(int, (root / "proc/self/statm").read_text().split()[1:3])
        own = (resident - shared) * os.sysconf("SC_PAGE_SIZE")  # pages of files can be dropped
        found += [limit - own for limit in _limits(root)]
        lines = (root / "proc/meminfo").read_text().splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    return min(found, default=None)


def _limits(root: Path) -> Iterator[int]:
    """Those of the control groups that this process is in, from its own up."""
    for folder in control_groups("memory", root):
        for name in LIMITS:
            try:
                yield int((folder / name).read_text())  # `max` is no number
            except (OSError, ValueError):
                continue


def control_groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """The folders of the control groups that this process is in, from its own up.

    Args:
        controller: `memory` or `cpu`, for the first version of control groups.
        root: of the file system that is asked.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        place = root / "sys/fs/cgroup" / controllers
        for folder in (place / path.lstrip("/"), *(place / path.lstrip("/")).parents):
            if folder == place.parent:
                break
            yield folder


def needed(model: Any, precision: str) -> int:
    """Bytes that the layers' outputs take for one image.

    Args:
        model: a built Keras model.
        precision: of the run: half precision takes half.
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
    """Refuse a batch that certainly takes more memory than there is.

    Raises:
        RunError: it does; names the size that fits.
    """
    one = needed(model, precision)
    if left is None or SURE * one * batch <= left:
        return
    fits = 2 ** int(math.log2(max(1.0, left / (USUAL * one))))
    raise RunError(
        f"A batch of {batch} images takes {SURE * one * batch / 2**30:.1f} GB at least, and {left / 2**30:.1f} GB of "
        f"memory are left; trainer.batch_size={fits} fits."
    )
