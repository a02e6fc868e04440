"""The memory that a run may use, and checks that a network and a batch fit into it.

Without the checks, the operating system would kill a process that runs out of memory on a CPU, without any message.
"""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exprun.config.errors import ConfigError, RunError
from exprun.config.layers import TooSmall
from exprun.config.model_checks import network_input
from exprun.config.network_size import NetworkSize, network_size, smallest_side
from exprun.config.schema import Config
from exprun.text import joined, plural

LIMITS = ("memory.max", "memory.limit_in_bytes")  # files with the limit of a control group, version 2 and version 1
VIEWS = ("Flatten", "Reshape", "InputLayer", "Dropout")  # layers whose output needs little or no memory of its own
SURE = 0.5  # the least memory of a step, in sizes of all layers' outputs; some outputs are freed early or shared
FEW = 2  # images in a pass, at least, which can be compared
HELD = 2  # the usual memory of an evaluation, in sizes of what its largest layer takes and returns
WATCHED = 4  # the usual memory of a pass whose outputs and gradients are kept, in sizes of all layers' outputs
SMALLER = "a smaller data.size makes the images smaller"
SIDES = (224, 128, 96, 64, 32)  # image sizes that are advised, in pixels
WEIGHT = 4  # bytes of a weight, whatever the precision of the run is
# Values that an optimiser keeps for each weight, at least; none for the others.
SLOTS = {"adam": 2, "adamw": 2, "nadam": 2} | dict.fromkeys(
    ("sgd_momentum", "nesterov", "rmsprop", "adagrad", "lion", "muon", "muon_nesterov"), 1
)
GPUS = ("nvidia[0-9]*", "kfd", "dxg")  # devices of NVIDIA, AMD and the Windows Subsystem for Linux in /dev
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
    count = sum(math.prod(layer.output.shape[1:]) for layer in _layers(model)) + sum(_attention(model))
    return count * (4 if precision == "float32" else 2)


def _layers(model: Any) -> Iterator[Any]:
    """The layers of a model that return one tensor of a known shape, without views."""
    for layer in model._flatten_layers(include_self=False):
        if type(layer).__name__ in VIEWS:
            continue
        try:
            shapes = layer.output.shape if not isinstance(layer.output, list) else None
        except (AttributeError, ValueError):  # a layer that is used several times, or inside another model
            continue
        if shapes is not None and None not in shapes[1:]:
            yield layer


def _attention(model: Any) -> Iterator[int]:
    """The number of values of each self-attention for one image: a weight for each head and pair of pixels."""
    for part in [model, *model._flatten_layers(include_self=False)]:
        for operation in getattr(part, "operations", ()):
            if type(operation).__name__ == "DotProductAttention":
                pixels, heads = operation.output.shape[1:3]
                yield heads * pixels**2


def _input(layer: Any) -> int:
    """The number of values that a layer with a kernel takes for one image; others may overwrite what they take."""
    if not hasattr(layer, "kernel") or isinstance(layer.input, list) or None in layer.input.shape[1:]:
        return 0
    return math.prod(layer.input.shape[1:])


def may_have_gpu(root: Path = Path("/")) -> bool:
    """Whether the network may be in the memory of a GPU, as far as is known before TensorFlow is imported.

    Args:
        root: root of the file system with /dev.
    """
    return any(any((root / "dev").glob(name)) for name in GPUS)


def check_network(
    config: Config, size: tuple[int, int], channels: int, classes: int, left: int | None, batch: int | None = None
) -> None:
    """Refuse a layer list or an application that certainly needs more memory than is available, before it is built.

    Args:
        config: the config of the run.
        size: the height and width of the images.
        channels: the number of channels of the images.
        classes: the number of classes.
        left: the available memory in bytes, or None if it is not known.
        batch: the number of images in the smallest batch; None for that of the config, for which others are advised.

    Raises:
        ConfigError: the network or a batch needs more memory, or the network does not fit the images; the message names
            an image size or a batch size that fits.
    """
    if config.model.builder is not None or config.model.preset is not None or left is None:
        return
    trainer, given, shape = config.trainer, batch, network_input(config, size)
    batch = given or trainer.batch_size // trainer.accumulate
    network, weights, one = _bytes(config, shape, channels, classes)
    if weights + SURE * one * batch <= left:
        return
    fits = (left - weights) / (USUAL * one)
    advice = []
    if fits >= 1 and given is None:
        part = 2 ** int(math.log2(fits))
        advice.append(f"trainer.batch_size={part * trainer.accumulate}")
        if trainer.batch_size % part == 0:
            advice.append(f"trainer.accumulate={trainer.batch_size // part}")
    least = smallest_side(config.model)
    for side in (side for side in SIDES[: 1 if advice else None] if least <= side and side**2 < math.prod(shape)):
        with contextlib.suppress(TooSmall):
            _, fewer, smaller = _bytes(config, (side, side), channels, classes)
            if fewer + USUAL * smaller * batch <= left:
                advice.append(f"{'data.size' if shape == size else 'input.crop'}={side}")
                break
    pixels = f"{shape[0]}×{shape[1]} pixels"
    if weights > left:
        millions = network.weights[network.largest] / 1e6
        need = f"model={config.model.label} for images of {pixels}, with {millions:,.0f} million weights in "
        need += f"{network.largest},"
    else:
        need, weights = f"A batch of {plural(batch, 'image')} of {pixels}", int(weights + SURE * one * batch)
    what = f"{joined(advice, 'or')} fits" if advice else "no smaller images would fit: choose a smaller network"
    raise ConfigError(
        f"{need} takes at least {weights / 2**30:,.1f} GB, but only {left / 2**30:.1f} GB of memory are left; {what}."
    )


def usual(config: Config, shape: tuple[int, int, int], classes: int) -> int:
    """The memory that the network and the batches of a run usually take in training, in bytes; 0 if it is not known.

    Args:
        config: the config of the run.
        shape: the height, width and channels of the images.
        classes: the number of classes.

    Raises:
        ConfigError: the network does not fit the images.
    """
    if config.model.builder is not None or config.model.preset is not None:
        return 0
    _, weights, one = _bytes(config, network_input(config, shape[:2]), shape[2], classes)
    return weights + int(USUAL * one * config.trainer.batch_size / config.trainer.accumulate)


def _bytes(config: Config, shape: tuple[int, int], channels: int, classes: int) -> tuple[NetworkSize, int, int]:
    """The size of a network, the bytes of its weights in training, at least, and those of one image's outputs.

    Args:
        config: the config of the run.
        shape: the height and width of the network's input.
        channels: the number of channels of the images.
        classes: the number of classes.
    """
    size = network_size(config.model, config.norm, (*shape, channels), classes)
    # In training there are a gradient and the values of the optimiser for each weight that is not frozen. How many are
    # frozen is only known when the network is built.
    copies = 1 if config.model.frozen else 2 + SLOTS.get(config.optim.name, 0)
    return size, copies * WEIGHT * size.total, size.outputs * (4 if config.trainer.precision == "float32" else 2)


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
    raise _too_large(f"A batch of {batch} images", SURE * one * batch, left, "trainer.batch_size", USUAL * one)


def check_evaluation(model: Any, precision: str, batch: int, left: int | None) -> None:
    """Refuse an evaluation batch for whose largest layer the available memory certainly does not suffice.

    Args:
        model: a built Keras model.
        precision: the precision of the run.
        batch: the number of images in the batch.
        left: the available memory in bytes, or None if it is not known.

    Raises:
        RunError: the batch needs more memory; the message names a batch size that fits.
    """
    held = [math.prod(layer.output.shape[1:]) + _input(layer) for layer in _layers(model)] + [*_attention(model)]
    one = max(held, default=0) * (4 if precision == "float32" else 2)
    if left is None or one * batch <= left:
        return
    what = f"An evaluation batch of {plural(batch, 'image')}"
    raise _too_large(what, one * batch, left, "trainer.eval_batch_size", HELD * one)


def _too_large(what: str, least: float, left: int, key: str, usual: float) -> RunError:
    """The error of a batch that does not fit.

    Args:
        what: the batch, for people.
        least: the bytes that it takes at least.
        left: the available memory in bytes.
        key: the key of the number of its images.
        usual: the bytes that an image usually takes.
    """
    fits = left / usual
    advice = f"{key}={2 ** int(math.log2(fits))} fits" if fits >= 1 else SMALLER
    return RunError(
        f"{what} takes at least {least / 2**30:.1f} GB, but only {left / 2**30:.1f} GB of memory are left; {advice}."
    )


def passed(model: Any, precision: str, most: int, left: int | None) -> int:
    """The number of images of a pass that keeps all outputs and their gradients, as memory allows, at least `FEW`.

    Args:
        model: a built Keras model.
        precision: the precision of the run.
        most: the largest number of images.
        left: the available memory in bytes, or None if it is not known.

    Raises:
        RunError: not even `FEW` images fit.
    """
    one = max(1, needed(model, precision))
    if left is None or WATCHED * one * most <= left:
        return most
    if FEW * one > left:
        raise RunError(
            f"To pass {FEW} images through the network takes at least {FEW * one / 2**30:.1f} GB, but only "
            f"{left / 2**30:.1f} GB of memory are left; {SMALLER}."
        )
    return max(FEW, int(left / (WATCHED * one)))
