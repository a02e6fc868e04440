"""The folder of a run: which one, whether it can be used, and what an earlier start has left in it."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exprun.config.errors import ConfigError, RunError, one_line, say, without_password
from exprun.config.paths import user_path
from exprun.config.schema import GROUPS, Config, settings
from exprun.config.versions import known_settings
from exprun.config.weights import find_weights
from exprun.files import PART, write_whole
from exprun.locks import file_lock
from exprun.tracking.accepted import check_tracking
from exprun.tracking.source import has_other_code, read_environment
from exprun.tracking.store import NOTE, note_of
from exprun.version import __version__

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is
UNNAMED = re.compile(r"outputs/runs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d+")  # where a run goes that was given no run_dir
COMPLETE = "complete already"  # the reason of a run that had nothing left to do
OWN_FILES = frozenset({"config.yaml", "result.json", "run.log", ".lock"})  # what makes a folder a run's
LIMITS = ("epochs", "max_steps", "max_seconds", "patience")
# What a run of a sweep may do otherwise when the sweep is repeated.
FREE_IN_SWEEPS = {
    ("run_dir",),
    ("progress",),
    ("trainer", "resume"),
    ("trainer", "log_every"),
    ("tracking",),
    ("sweep",),
    ("data", "cache"),
}
FREE_ON_RESUME = FREE_IN_SWEEPS | {("trainer", key) for key in LIMITS}  # what a resumed run may


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: why it ended where it did; empty where all epochs were done.
        metrics: final figures by the names they have in MLflow. `val/best_*` are those at the weights that
            validation chose, `test/*` were measured once, at the same weights.
        history: figures of each epoch.
        run_dir: its folder.
    """

    status: str
    reason: str
    metrics: dict[str, float]
    history: list[dict[str, float]]
    run_dir: Path


class TakenError(RunError):
    """Another process is at this run."""


class OtherConfigError(ConfigError):
    """The run in a folder was trained with another config, so it cannot go on."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(folder / ".lock", wait=False))
        except BlockingIOError:
            raise TakenError(f"Another process is training in {folder}.") from None
        yield


def clear(folder: Path) -> None:
    """Remove what an earlier start has left: its result, and without a checkpoint its figures too."""
    stale = ["result.json"]
    if not (folder / "checkpoints" / "last.npz").exists():
        stale += ["metrics.jsonl", "findings.json"]
        if before := note_of(folder):  # its run in MLflow is taken away when that of the new start is made
            keys = [*before.get("abandoned", []), *([before["key"]] if "key" in before else [])]
            write_whole(
                folder / NOTE, json.dumps({key: before.get(key) for key in ("uri", "inside")} | {"abandoned": keys})
            )
    stale += [path.name for path in folder.glob(f".*{PART}*")]
    for name in stale:
        (folder / name).unlink(missing_ok=True)


def write_config(config: Config, folder: Path) -> None:
    """Write `config.yaml`: what can be composed again, without passwords."""
    found = settings(config)
    if config.tracking.uri is not None:
        found["tracking"]["uri"] = without_password(config.tracking.uri)
    # What a sweep says of its runs in MLflow does not hold for one that is repeated by itself.
    if tags := config.tracking.tags:
        found["tracking"]["tags"] = {k: v for k, v in tags.items() if not str(k).startswith(("exprun.", "mlflow."))}
    write_whole(folder / "config.yaml", yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


def read_config(folder: Path) -> Config:
    """The config of a run, whichever version wrote it; nothing in it is composed or executed.

    Raises:
        ConfigError: it is no config.
    """
    from exprun.config.compose import typed  # Hydra, which most readers of a folder do without

    found, unknown = read_settings(folder)
    if unknown:
        say(f"{folder}: {_unknown(folder, unknown)}; it is left out.")
    try:
        return typed(found)
    except ConfigError as error:
        raise ConfigError(f"{folder / 'config.yaml'}, {_written_by(folder)}: {error}") from None


def read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings in a run's folder, complete, and by dotted key those that this version of exprun does not know.

    Raises:
        ConfigError: the file holds no settings.
        OSError: it cannot be read.
    """
    try:
        raw = yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), Loader=YAML_LOADER)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{folder / 'config.yaml'} cannot be read: {one_line(error)[:120]}.") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{folder / 'config.yaml'} holds no settings.")
    found, unknown = known_settings(raw)
    if missing := [group for group in GROUPS if group not in found]:
        from exprun.config.compose import Composer

        now = settings(Composer().config([]))
        found |= {group: now[group] for group in missing}
    return found, unknown


def _unknown(folder: Path, unknown: dict[str, Any]) -> str:
    told = ", ".join(f"{key}={value}" for key, value in unknown.items())
    are = "is" if len(unknown) == 1 else "are"
    return f"{told} {are} not known to exprun {__version__}; the run was {_written_by(folder)}"


def _written_by(folder: Path) -> str:
    version = read_environment(folder).get("version", "")
    return f"written by exprun {version}" if version else "written by another version of exprun"


def name_of(config: Config) -> str:
    """The name of a run: its own, or one that tells runs apart at a glance."""
    if config.tracking.run_name:
        return without_password(config.tracking.run_name)
    norm = [] if config.model.builder else [config.norm.name]
    fault = [] if config.fault.name == "none" else [config.fault.name]
    return "-".join([config.model.name, config.data.name, *norm, config.optim.name, *fault, str(config.seed)])


def run_folder(config: Config) -> Path:
    """The run's folder, absolute; a worker other than the first has one of its own inside it."""
    folder = user_path(config.run_dir, f"run_dir={config.run_dir}").absolute()
    if index := worker_index(config):
        folder = folder / f"worker-{index}"
    return folder


def worker_index(config: Config) -> int:
    """This process' number among the workers of `trainer.strategy=multi_worker`; 0 without them.

    Raises:
        ConfigError: TF_CONFIG, which names the workers, is missing or cannot be read.
    """
    if config.trainer.strategy != "multi_worker":
        return 0
    try:
        return int(json.loads(os.environ["TF_CONFIG"])["task"]["index"])
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            "trainer.strategy=multi_worker needs TF_CONFIG in the environment: JSON with cluster.worker and task.index."
        ) from None


def preflight(config: Config, sweeping: bool = False) -> RunResult | None:
    """Check what the config names on disk, before anything is written or TensorFlow imported.

    Args:
        config: of the run.
        sweeping: the run belongs to a sweep, which decides where it lies and whether it goes on.

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
    folder = run_folder(config)
    if config.trainer.resume and not sweeping and UNNAMED.fullmatch(config.run_dir) and not folder.exists():
        raise ConfigError(
            "trainer.resume=true goes on with the run in run_dir, but no run_dir is given: add run_dir=last, or the "
            "folder of a run."
        )
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise ConfigError(f"run_dir={config.run_dir} cannot be a folder: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"run_dir={config.run_dir} cannot be written: no right to write in {there}.")
    names = {name for name in os.listdir(there) if not name.startswith("worker-")} if there == folder else set()
    if names and not names & OWN_FILES:
        raise ConfigError(f"run_dir={config.run_dir} holds other files and no run; name a new or empty folder.")
    before = _result_before(config, folder)
    if before is None and config.model.weights is not None:
        find_weights(config.model.weights)
    if before is None and config.model.builder is not None:
        _check_code(config, config.model.builder, folder)
    return before


def _check_code(config: Config, builder: str, folder: Path) -> None:
    """Refuse weights that are to go into a network which the same builder makes with other code.

    Args:
        config: of the run.
        builder: its `model.builder`.
        folder: of the run.

    Raises:
        ConfigError: its own checkpoint, or the run that `model.weights` names, has such weights.
    """
    goes_on = config.trainer.resume and (folder / "checkpoints" / "last.npz").exists()
    if goes_on and has_other_code(builder, folder):
        raise OtherConfigError(
            f"run_dir={config.run_dir} was trained with other code of {builder}: put that code back to go on, or name "
            "another folder."
        )
    start = user_path(config.model.weights) if config.model.weights is not None else None
    if start is not None and _builder_of(start) == builder and has_other_code(builder, start):
        raise ConfigError(
            f"model.weights={config.model.weights} was trained with other code of {builder}: put that code back, train "
            "it anew, or name its checkpoints/best.npz to take what fits."
        )


def _builder_of(folder: Path) -> str | None:
    """`model.builder` of the run in a folder; None where it has none, or there is no run."""
    try:
        found = read_settings(folder)[0]["model"]["builder"]
    except (ConfigError, OSError, KeyError, TypeError):
        return None
    return str(found) if found else None


def _result_before(config: Config, folder: Path) -> RunResult | None:
    """What the folder holds of an earlier start: None to train, or the result where nothing is left to do.

    Raises:
        ConfigError: it holds a run and `trainer.resume` is off, or the run had another config.
    """
    if not (folder / "config.yaml").exists():
        return None
    try:
        before, unknown = read_settings(folder)
        dry = before["trainer"]["dry_run"]
        result = json.loads((folder / "result.json").read_text()) if (folder / "result.json").exists() else {}
    except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run that cannot be read: {one_line(error)[:120].rstrip('.')}."
        ) from None
    if dry or not ((folder / "metrics.jsonl").exists() or (folder / "checkpoints").exists()):
        return None  # nothing in it that could be lost
    if not config.trainer.resume:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run already; go on with it by trainer.resume=true, or name another."
        )
    now = settings(config)
    if result.get("status") == "FINISHED" or (folder / "checkpoints" / "last.npz").exists():
        if unknown:
            raise OtherConfigError(f"run_dir={config.run_dir} cannot go on: {_unknown(folder, unknown)}.")
        for key, old, new in differences(before, now, FREE_ON_RESUME):
            raise OtherConfigError(
                f"run_dir={config.run_dir} was trained with {key}={old}, not {new}; "
                "only a run of the same config goes on."
            )
    if result.get("status") != "FINISHED":
        return None
    # A run that a limit ended goes on under another limit; one that did all its epochs, with more of them.
    same_limits = all(before["trainer"].get(key) == now["trainer"][key] for key in LIMITS)
    if same_limits or (not result["reason"] and before["trainer"]["epochs"] >= config.trainer.epochs):
        return RunResult("FINISHED", COMPLETE, result["metrics"], result["history"], folder)
    return None


def differences(
    old: Any, new: Any, free: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """Settings in which two configs differ, without those that may: key, old and new value."""
    if path in free:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from differences(old.get(key), new.get(key), free, (*path, key))
    elif old != new:
        yield ".".join(path), old, new
