"""What a config names on disk, checked before anything is written or TensorFlow is imported."""

import os
import re
from collections.abc import Iterator
from typing import Any

from exprun.config.errors import ConfigError, one_line
from exprun.config.paths import user_path
from exprun.config.schema import Config, settings
from exprun.config.weights import find_weights
from exprun.run_folder import RunFolder, RunResult, UnreadableResultError
from exprun.tracking.accepted import check_tracking

COMPLETE = "complete already"  # the reason of a run that had nothing left to do
UNNAMED = re.compile(r"outputs/runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+")  # the folder of a run without a given run_dir
LIMITS = ("epochs", "max_steps", "max_seconds", "patience")
# Settings that may differ when a sweep is repeated.
FREE_IN_SWEEPS = {
    ("run_dir",),
    ("progress",),
    ("trainer", "resume"),
    ("trainer", "log_every"),
    ("tracking",),
    ("sweep",),
    ("data", "cache"),
}
FREE_ON_RESUME = FREE_IN_SWEEPS | {("trainer", key) for key in LIMITS}  # settings that may differ on resume


class OtherConfigError(ConfigError):
    """The run in a folder was trained with another config, so it cannot be resumed."""


def preflight(config: Config, sweeping: bool = False) -> RunResult | None:
    """Check what a config names on disk.

    Args:
        config: the config of the run.
        sweeping: whether the run belongs to a sweep, which chooses its folder and decides whether it resumes.

    Returns:
        None to train, or the result of a run that has nothing left to do.

    Raises:
        ConfigError: a folder or file cannot be used.
    """
    root = config.data.root
    if root is not None and not user_path(root, f"data.root={root}").exists():
        raise ConfigError(f"data.root={root} does not exist.")
    user_path(config.data.cache, f"data.cache={config.data.cache}")
    check_tracking(config)
    folder = RunFolder.of(config)
    if config.trainer.resume and not sweeping and UNNAMED.fullmatch(config.run_dir) and not folder.path.exists():
        raise ConfigError(
            "trainer.resume=true resumes the run in run_dir, but no run_dir is given: add run_dir=last, or the folder "
            "of a run."
        )
    there = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    if not there.is_dir():
        raise ConfigError(f"run_dir={config.run_dir} cannot be a folder: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"run_dir={config.run_dir} cannot be written: no right to write in {there}.")
    if there == folder.path and not folder.holds_run_or_nothing():
        raise ConfigError(f"run_dir={config.run_dir} holds other files and no run; name a new or empty folder.")
    before = _result_before(config, folder)
    if before is None and config.model.weights is not None:
        find_weights(config.model.weights)
    if before is None and config.model.builder is not None:
        _check_code(config, config.model.builder, folder)
    return before


def _check_code(config: Config, builder: str, folder: RunFolder) -> None:
    """Refuse weights for a network that the same builder now makes with other code.

    Args:
        config: the config of the run.
        builder: `model.builder`.
        folder: the run's folder.

    Raises:
        ConfigError: the run's own checkpoint, or the run that `model.weights` names, has such weights.
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
            "it again, or name its checkpoints/best.npz to take what fits."
        )


def _builder_of(folder: RunFolder) -> str | None:
    """`model.builder` of the run in a folder; None without one, or without a run."""
    try:
        found = folder.read_settings()[0]["model"]["builder"]
    except (ConfigError, OSError, KeyError, TypeError):
        return None
    return str(found) if found else None


def _result_before(config: Config, folder: RunFolder) -> RunResult | None:
    """The result of an earlier start if nothing is left to do; None to train.

    Raises:
        ConfigError: the folder holds a run and `trainer.resume` is off, or the run had another config.
    """
    if not folder.exists:
        return None
    try:
        before, unknown = folder.read_settings()
        dry = before["trainer"]["dry_run"]
        result = folder.read_result()
    except (ConfigError, OSError, UnreadableResultError, KeyError, TypeError) as error:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run that cannot be read: {one_line(error)[:120].rstrip('.')}."
        ) from None
    if dry or not (folder.journal.exists() or folder.checkpoints.exists()):
        return None  # nothing that could be lost
    if not config.trainer.resume:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run already; resume it with trainer.resume=true, or name another folder."
        )
    now = settings(config)
    finished = result is not None and result.status == "FINISHED"
    if finished or folder.can_resume:
        if unknown:
            raise OtherConfigError(f"run_dir={config.run_dir} cannot be resumed: {folder.unknown_keys(unknown)}.")
        for key, old, new in differences(before, now, FREE_ON_RESUME):
            raise OtherConfigError(
                f"run_dir={config.run_dir} was trained with {key}={old}, not {new}; "
                "only a run of the same config can be resumed."
            )
    if result is None or not finished:
        return None
    # A run that a limit ended resumes under another limit; a run that did all its epochs, with more epochs.
    same_limits = all(before["trainer"].get(key) == now["trainer"][key] for key in LIMITS)
    if same_limits or (not result.reason and before["trainer"]["epochs"] >= config.trainer.epochs):
        return RunResult("FINISHED", COMPLETE, result.metrics, result.history, folder.path)
    return None


def differences(
    old: Any, new: Any, free: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """Settings in which two configs differ: key, old value and new value.

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
