"""The folder of a run: the names of its files, who reads and writes them, its status and its lock.

Nothing here imports TensorFlow, MLflow or Hydra until a config is read as a `Config`.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exprun import metrics as names
from exprun.config.builder import code_digest
from exprun.config.errors import ConfigError, RunError, one_line, say, without_password
from exprun.config.paths import SQLITE, sqlite_path, user_path
from exprun.config.schema import GROUPS, Config, settings
from exprun.config.versions import known_settings
from exprun.files import PART, write_whole
from exprun.locks import file_lock
from exprun.version import __version__

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is installed
CONFIG = "config.yaml"  # makes a folder a run's
CODE = "builder_code"  # key in environment.json: a digest of the code of `model.builder`
STARTED = "STARTED"  # the status of a run that has no result: it is running, or its process died


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        status: `FINISHED`, `FAILED` or `KILLED`.
        reason: why the run ended before its last epoch; empty if it did all epochs.
        metrics: final metrics by their names in MLflow. `val/best_*` are those of the weights that validation selected;
            `test/*` were measured once, at the same weights.
        history: metrics of each epoch.
        run_dir: the run's folder.
    """

    status: str
    reason: str
    metrics: dict[str, float]
    history: list[dict[str, float]]
    run_dir: Path


class RunLockedError(RunError):
    """Another process is training in the folder of this run."""


class UnreadableResultError(ValueError):
    """`result.json` is damaged."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Args:
        path: the folder.
    """

    path: Path

    @classmethod
    def of(cls, config: Config) -> "RunFolder":
        """The folder that a config names, absolute; each worker but the first has a folder of its own inside it."""
        folder = user_path(config.run_dir, f"run_dir={config.run_dir}").absolute()
        index = worker_index(config)
        return cls(folder / f"worker-{index}" if index else folder)

    # Names of files -----------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """The composed config, which makes a folder a run's."""
        return self.path / CONFIG

    @property
    def result(self) -> Path:
        """Status, reason and metrics at the end."""
        return self.path / "result.json"

    @property
    def journal(self) -> Path:
        """Metrics while the run goes on: one line of JSON per set of metrics."""
        return self.path / "metrics.jsonl"

    @property
    def findings(self) -> Path:
        """What the doctor found."""
        return self.path / "findings.json"

    @property
    def environment(self) -> Path:
        """Code, versions, device and data of the run."""
        return self.path / "environment.json"

    @property
    def tracking(self) -> Path:
        """Where the run is logged in MLflow, and whether all of it has arrived."""
        return self.path / "tracking.json"

    @property
    def network(self) -> Path:
        """What the network takes and returns."""
        return self.path / "network.json"

    @property
    def log(self) -> Path:
        """Log records of Python and of native libraries."""
        return self.path / "run.log"

    @property
    def summary(self) -> Path:
        """Keras's table of layers."""
        return self.path / "model.txt"

    @property
    def keras_model(self) -> Path:
        """The trained model, where `tracking.model=keras` asks for it."""
        return self.path / "model.keras"

    @property
    def profile(self) -> Path:
        """The folder of `trainer.profile`."""
        return self.path / "profile"

    @property
    def checkpoints(self) -> Path:
        """The folder of all checkpoints."""
        return self.path / "checkpoints"

    def checkpoint(self, name: str) -> Path:
        """A checkpoint by its name: `best` or `last`."""
        return self.checkpoints / f"{name}.npz"

    def artifacts(self) -> list[Path]:
        """The files that are there and that MLflow keeps with the run."""
        plots = [self.path / name for name in ("curves.png", "confusion.png", "confusion.json", "misclassified.png")]
        return [path for path in (self.config, self.summary, self.log, self.findings, *plots) if path.exists()]

    @property
    def lock(self) -> Path:
        """The file that the process which trains in the folder has locked."""
        return self.path / ".lock"

    # What is there ------------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return self.config.exists()

    @property
    def can_resume(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return self.checkpoint("last").exists()

    @property
    def status(self) -> str:
        """`FINISHED`, `FAILED` or `KILLED`; `STARTED` without a readable result, empty without a run."""
        if not self.exists:
            return ""
        return str(_read_json(self.result, {}).get("status", STARTED))

    def holds_run_or_nothing(self) -> bool:
        """Whether the folder is empty or a run's, so that a run may write to it."""
        found = {name for name in os.listdir(self.path) if not name.startswith("worker-")}
        return not found or bool(found & {file.name for file in (self.config, self.result, self.log, self.lock)})

    def has_other_code(self, builder: str) -> bool:
        """Whether the run's network was made by other code of a builder; reported as unknown if it was not recorded.

        Args:
            builder: `model.builder`, the same as the run's.
        """
        before, now = self.read_environment().get(CODE), code_digest(builder)
        if before is None:
            _report_unknown_code(builder, self.path)
        return bool(before and now) and before != now

    # The lock, and what an earlier start has left -----------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in the same folder.

        Raises:
            RunLockedError: one does.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self.lock, wait=False))
            except BlockingIOError:
                raise RunLockedError(f"Another process is training in {self.path}.") from None
            yield

    def clear(self) -> None:
        """Remove the result of an earlier start and, unless there is a checkpoint to resume from, its metrics."""
        stale = [self.result]
        if not self.can_resume:
            stale += [self.journal, self.findings]
            if before := self.read_tracking():  # its MLflow run is deleted when the run of the new start is created
                keys = [*before.get("abandoned", []), *([before["key"]] if "key" in before else [])]
                kept = {key: before.get(key) for key in ("uri", "inside")}
                write_whole(self.tracking, json.dumps(kept | {"abandoned": keys}))
        stale += self.path.glob(f".*{PART}*")
        for path in stale:
            path.unlink(missing_ok=True)

    # The config ---------------------------------------------------------------------------------------------------

    def write_config(self, config: Config) -> None:
        """Write what can be composed again, without passwords."""
        found = settings(config)
        if config.tracking.uri is not None:
            found["tracking"]["uri"] = without_password(config.tracking.uri)
        # The tags that a sweep gives its runs in MLflow do not hold for a run that is repeated on its own.
        if tags := config.tracking.tags:
            found["tracking"]["tags"] = {k: v for k, v in tags.items() if not str(k).startswith(("exprun.", "mlflow."))}
        write_whole(self.config, yaml.safe_dump(found, sort_keys=False, allow_unicode=True))

    def read_raw_config(self) -> Any:
        """The content of `config.yaml` as YAML gives it.

        Raises:
            OSError: the file cannot be read.
            ValueError, yaml.YAMLError: the file is no YAML.
        """
        return yaml.load(self.config.read_text(encoding="utf-8"), Loader=YAML_LOADER)

    def read_settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """All settings of the run, and by dotted key those that this version of exprun does not know.

        Raises:
            ConfigError: the file holds no settings.
            OSError: the file cannot be read.
        """
        try:
            raw = self.read_raw_config()
        except (ValueError, yaml.YAMLError) as error:
            raise ConfigError(f"{self.config} cannot be read: {one_line(error)[:120]}.") from None
        if not isinstance(raw, dict):
            raise ConfigError(f"{self.config} holds no settings.")
        found, unknown = known_settings(raw)
        if missing := [group for group in GROUPS if group not in found]:
            from exprun.config.compose import Composer

            now = settings(Composer().config([]))
            found |= {group: now[group] for group in missing}
        return found, unknown

    def read_config(self) -> Config:
        """The config of the run, whichever version wrote it; nothing in it is composed or executed.

        Raises:
            ConfigError: the file holds no config.
        """
        from exprun.config.compose import typed  # imports Hydra, which most readers of a folder do without

        found, unknown = self.read_settings()
        if unknown:
            say(f"{self.path}: {self.unknown_keys(unknown)}; it is left out.")
        try:
            return typed(found)
        except ConfigError as error:
            raise ConfigError(f"{self.config}, {self._written_by()}: {error}") from None

    def unknown_keys(self, unknown: Mapping[str, Any]) -> str:
        """Half a sentence about settings that this version does not know.

        Args:
            unknown: the settings by dotted key.
        """
        listed = ", ".join(f"{key}={value}" for key, value in unknown.items())
        are = "is" if len(unknown) == 1 else "are"
        return f"{listed} {are} not known to exprun {__version__}; the run was {self._written_by()}"

    def _written_by(self) -> str:
        version = self.read_environment().get("version", "")
        return f"written by exprun {version}" if version else "written by another version of exprun"

    # The result ---------------------------------------------------------------------------------------------------

    def write_result(
        self, status: str, reason: str, metrics: Mapping[str, float], history: Sequence[Mapping[str, float]]
    ) -> None:
        """Write how the run ended; the arguments are those of `RunResult`.

        Raises:
            OSError: the file cannot be written.
        """
        found = {"status": status, "reason": reason, "metrics": metrics, "history": history}
        write_whole(self.result, json.dumps(found, indent=1))

    def read_result(self) -> RunResult | None:
        """How the run ended; None while it is running, or if its process died.

        Raises:
            UnreadableResultError: the file is damaged.
        """
        if not self.result.exists():
            return None
        try:
            found = json.loads(self.result.read_text(encoding="utf-8"))
            return RunResult(
                str(found["status"]),
                str(found.get("reason", "")),
                {str(key): float(value) for key, value in found["metrics"].items() if value is not None},
                [{str(key): float(value) for key, value in row.items()} for row in found.get("history", [])],
                self.path,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableResultError(f"{self.result} cannot be read: {one_line(error)[:120]}.") from None

    # The journal --------------------------------------------------------------------------------------------------

    def read_journal(self) -> list[dict[str, Any]]:
        """The lines of the journal, by the metrics' names of today; a last line that a crash cut short is left out."""
        return self.read_journal_from(0)[0]

    def read_journal_from(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The complete lines of the journal from a byte offset on, and the offset of the next line."""
        return read_journal_from(self.journal, offset)

    # The doctor's findings ----------------------------------------------------------------------------------------

    def read_findings(self) -> list[dict[str, Any]]:
        """The findings as the doctor wrote them, the cause of the others first; empty if the file is damaged."""
        found = _read_json(self.findings, [])
        return [finding for finding in found if isinstance(finding, dict)]

    # The environment ----------------------------------------------------------------------------------------------

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write code, versions, device and data of the run."""
        write_whole(self.environment, json.dumps(environment, indent=1))

    def read_environment(self) -> dict[str, str]:
        """Code, versions, device and data of the run; empty if they were not written, or the file is damaged."""
        return {str(key): str(value) for key, value in _read_json(self.environment, {}).items()}

    # Where the run is logged --------------------------------------------------------------------------------------

    def read_tracking(self) -> dict[str, Any]:
        """Where the run, or the sweep, is logged in MLflow; empty if it is not, or the file is damaged.

        A store below the same `outputs/` is found where it lies now, for the project may have been moved or copied.
        """
        found: dict[str, Any] = _read_json(self.tracking, {})
        path = sqlite_path(str(found.get("uri")))
        if path is None or found.get("inside") is False:
            return found
        above = [parent / path.name for parent in self.path.resolve().parents if parent.name == path.parent.name]
        # Versions that did not record whether the store lies inside recorded the absolute path alone.
        otherwise = above[0] if above and found.get("inside") else path
        found["uri"] = f"{SQLITE}{next((place for place in above if place.exists()), otherwise)}"
        return found

    def update_tracking(self, **known: Any) -> None:
        """Add to what the folder records of its run in MLflow: its store, its identifier, whether all has arrived."""
        write_whole(self.tracking, json.dumps(self.read_tracking() | known))


def read_journal_from(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The complete lines of a journal from a byte offset on, and the offset of the next line.

    Args:
        path: the journal.
        offset: in bytes.
    """
    if not path.exists():
        return [], offset
    with open(path, "rb") as file:
        file.seek(offset)
        content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    rows = []
    for line in complete.splitlines():
        try:
            row = json.loads(line)
            row["metrics"] = names.current(row["metrics"])
            row["step"], row["time"]
        except (ValueError, KeyError, TypeError):
            continue
        rows.append(row)
    return rows, offset + len(complete)


def _read_json(path: Path, default: Any) -> Any:
    """The content of a file of JSON; the default if it is missing, damaged or of another type."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default
    return found if isinstance(found, type(default)) else default


@cache  # once per process
def _report_unknown_code(builder: str, folder: Path) -> None:
    say(
        f"the run in {folder} is of an older version that did not record the code of model.builder={builder}: whether "
        "it is still the same is not known."
    )


def name_of(config: Config) -> str:
    """The name of a run: the one it was given, or one that tells runs apart at a glance."""
    if config.tracking.run_name:
        return without_password(config.tracking.run_name)
    norm = [] if config.model.builder else [config.norm.name]
    fault = [] if config.fault.name == "none" else [config.fault.name]
    return "-".join([config.model.name, config.data.name, *norm, config.optim.name, *fault, str(config.seed)])


def worker_index(config: Config) -> int:
    """The number of this process among the workers of `trainer.strategy=multi_worker`; 0 without that strategy.

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
