"""Checks of the files and folders that a config names, before anything is written or TensorFlow is imported."""

import os
import re
from collections.abc import Iterator
from typing import Any

from exprun.config.applications import IMAGENET, MEASURED
from exprun.config.checks import check_shape, network_input
from exprun.config.datasets import facts_of
from exprun.config.errors import ConfigError, DataError, one_line
from exprun.config.hub import PRESET, check_preset
from exprun.config.images import TABLES
from exprun.config.paths import user_path
from exprun.config.schema import Config, settings
from exprun.config.weights import check_pretrained, find_teacher, find_weights
from exprun.run_folder import RunFolder, UnreadableResultError
from exprun.run_result import RunResult
from exprun.tracking.accepted import check_tracking
from exprun.trainer import memory

COMPLETE = "complete already"  # the reason of a run that had nothing left to do
UNNAMED = re.compile(r"outputs/runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+")  # the folder of a run without a given run_dir
FEWEST_CLASSES = 2  # of a data set whose classes are not known yet
LIMITS = ("epochs", "max_steps", "max_seconds", "patience")
# Settings that may differ when a sweep is repeated.
FREE_IN_SWEEPS = {
    ("run_dir",),
    ("progress",),
    ("pictures",),
    ("trainer", "resume"),
    ("trainer", "log_every"),
    ("tracking",),
    ("sweep",),
    ("data", "cache"),
}
FREE_ON_RESUME = FREE_IN_SWEEPS | {("trainer", key) for key in LIMITS}  # settings that may differ on resume


class OtherConfigError(ConfigError):
    """The run in a folder was trained with another config, so it cannot be resumed."""


def preflight(
    config: Config, sweeping: bool = False, elsewhere: bool = False, batch: int | None = None
) -> RunResult | None:
    """Check the files and folders that a config names, and whether the memory suffices for its network.

    Args:
        config: the config of the run.
        sweeping: whether the run belongs to a sweep, which chooses the run's folder and decides whether it resumes.
        elsewhere: whether the run may be trained on another machine, with more memory.
        batch: the number of images in the smallest batch; None for `trainer.batch_size`.

    Returns:
        The result of the run if it is complete already; None if it has to be trained.

    Raises:
        ConfigError: a folder or file cannot be used, the images are too small for the network, or the network or a
            batch certainly needs more memory than is left.
    """
    check_data(config)
    check_tracking(config)
    folder = RunFolder.of(config)
    if config.trainer.resume and not sweeping and UNNAMED.fullmatch(config.run_dir) and not folder.path.exists():
        raise ConfigError(
            "trainer.resume=true resumes the run in run_dir, but no run_dir is given: add run_dir=last, or the folder "
            "of a run."
        )
    existing = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    if not existing.is_dir():
        raise ConfigError(f"run_dir={config.run_dir} cannot be a folder: {existing} is a file.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"run_dir={config.run_dir} cannot be written: you may not write in {existing}.")
    if existing == folder.path and not folder.holds_run_or_nothing():
        raise ConfigError(f"run_dir={config.run_dir} holds other files but no run; name a new or empty folder.")
    complete = _complete_result(config, folder)
    if complete is None and config.model.weights not in (None, IMAGENET, PRESET):
        find_weights(str(config.model.weights))
    if complete is None and config.model.preset is not None:
        check_preset(config.model.preset)
    if complete is None and config.model.teacher is not None:
        find_teacher(config.model.teacher)
    if complete is None and config.model.builder is not None:
        _check_code(config, config.model.builder, folder)
    if complete is None and not elsewhere:
        _check_size(config, batch)
    if complete is None and config.model.weights == IMAGENET:
        side = config.data.size or MEASURED
        check_pretrained(config.model, network_input(config, (side, side)))
    return complete


def _check_size(config: Config, batch: int | None) -> None:
    """Refuse a network that does not fit the images or the memory, if the size of the images is known.

    Args:
        config: the config of the run.
        batch: the number of images in the smallest batch; None for `trainer.batch_size`.
    """
    if config.model.builder is not None:
        return
    from exprun.data.shape import image_shape  # imports Pillow

    shape = image_shape(config.data)
    if shape is None:
        return
    height, width, channels = shape
    check_shape(config, (height, width), channels)
    if not memory.may_have_gpu():
        facts = facts_of(config.data)
        classes = len(config.data.classes or (facts.classes if facts else ())) or FEWEST_CLASSES
        memory.check_network(config, (height, width), channels, classes, memory.available(), batch)


def check_data(config: Config) -> None:
    """Check the files and folders of the data set.

    Raises:
        ConfigError: they do not exist, or the first of them show that they lack columns.
    """
    root = config.data.root
    if config.data.name in TABLES or (root is not None and "://" in root):
        _check_files(config)
    elif root is not None and not user_path(root, f"data.root={root}").exists():
        raise ConfigError(f"data.root={root} does not exist.")
    user_path(config.data.cache, f"data.cache={config.data.cache}")


def _check_files(config: Config) -> None:
    """Refuse files that cannot be listed, or that lack the columns that the config names."""
    from exprun.data.csv_file import check_columns  # imports Pillow
    from exprun.data.sources import locate

    root = str(config.data.root)
    if config.data.name == "csv" and not user_path(root, f"data.root={root}").exists():
        raise ConfigError(f"data.root={root} does not exist.")
    try:
        (check_columns if config.data.name == "csv" else locate)(config.data)
    except DataError as error:
        raise ConfigError(str(error)) from None


def _check_code(config: Config, builder: str, folder: RunFolder) -> None:
    """Refuse weights that were trained with other code of the same builder.

    Args:
        config: the config of the run.
        builder: `model.builder`.
        folder: the run's folder.

    Raises:
        ConfigError: the run's checkpoint, or the run that `model.weights` names, was trained with other code of this
            builder.
    """
    if config.trainer.resume and folder.can_resume and folder.has_other_code(builder):
        raise OtherConfigError(
            f"run_dir={config.run_dir} was trained with other code of {builder}: put that code back to resume, or name "
            "another folder."
        )
    start = RunFolder(user_path(config.model.weights)) if config.model.weights is not None else None
    if start is not None and _builder_of(start) == builder and start.has_other_code(builder):
        raise ConfigError(
            f"model.weights={config.model.weights} was trained with other code of {builder}: put that code back, train "
            "it again, or name its checkpoints/best.npz to use only the weights that fit."
        )


def _builder_of(folder: RunFolder) -> str | None:
    """`model.builder` of the run in a folder; None without one, or without a run."""
    try:
        builder = folder.read_settings()[0]["model"]["builder"]
    except (ConfigError, OSError, KeyError, TypeError):
        return None
    return str(builder) if builder else None


def _complete_result(config: Config, folder: RunFolder) -> RunResult | None:
    """The result of the run in a folder if it is complete; None if there is no run, or it has to be trained further.

    Args:
        config: the config of the run.
        folder: the run's folder.

    Raises:
        ConfigError: the folder holds a run and `trainer.resume` is false, or the run had another config.
    """
    if not folder.exists:
        return None
    try:
        earlier, unknown = folder.read_settings()
        dry = earlier["trainer"]["dry_run"]
        result = folder.read_result()
    except (ConfigError, OSError, UnreadableResultError, KeyError, TypeError) as error:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run that cannot be read: {one_line(error)[:120].rstrip('.')}."
        ) from None
    if dry or not (folder.journal.exists() or folder.checkpoints.exists()):
        return None  # the folder holds no training that could be lost
    if not config.trainer.resume:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run already; resume it with trainer.resume=true, or name another folder."
        )
    now = settings(config)
    finished = result is not None and result.status == "FINISHED"
    if finished or folder.can_resume:
        if unknown:
            raise OtherConfigError(f"run_dir={config.run_dir} cannot be resumed: {folder.unknown_keys(unknown)}.")
        for key, old, new in differences(earlier, now, FREE_ON_RESUME):
            raise OtherConfigError(
                f"run_dir={config.run_dir} was trained with {key}={old}, not {new}; "
                "only a run of the same config can be resumed."
            )
    if result is None or not finished:
        return None
    # A run that ended at a limit resumes if the limit has changed, and a run that did all epochs if there are more.
    same_limits = all(earlier["trainer"].get(key) == now["trainer"][key] for key in LIMITS)
    if same_limits or (not result.reason and earlier["trainer"]["epochs"] >= config.trainer.epochs):
        return RunResult("FINISHED", COMPLETE, result.metrics, result.history, folder.path)
    return None


def differences(
    old: Any, new: Any, free: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """The settings in which two configs differ, each as key, old value and new value.

    Args:
        old: the nested settings of one config.
        new: the nested settings of the other.
        free: paths of settings that may differ.
        path: the path of `old` and `new` within the config.
    """
    if path in free:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from differences(old.get(key), new.get(key), free, (*path, key))
    elif old != new:
        yield ".".join(path), old, new
