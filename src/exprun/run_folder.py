"""The folder of a run: the names of its files, functions that read and write them, the run's status and its lock.

Nothing here imports TensorFlow or MLflow, and only `RunFolder.read_config` imports Hydra.
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

from exprun.config.builder import code_digest
from exprun.config.errors import ConfigError, RunError, one_line, say, without_password
from exprun.config.paths import SQLITE, sqlite_path, user_path
from exprun.config.schema import GROUPS, Config, settings
from exprun.config.versions import known_settings
from exprun.files import PART, write_whole
from exprun.journal_rows import read_journal_from
from exprun.locks import file_lock
from exprun.run_result import PAGE, RunResult
from exprun.version import __version__

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the loader of libyaml, if installed, is ten times as fast
CONFIG = "config.yaml"  # a folder with this file is the folder of a run
NOT_FINITE = "not finite"  # begins the reason of a run whose loss, gradients or weights were not finite
CODE = "builder_code"  # key in environment.json: a digest of the code of `model.builder`
LOGGED = "logged.json"  # in the folder of Weights & Biases: the identifier of the run, and what was logged
STARTED = "STARTED"  # the status of a run that has no result: it is running, or its process died


class RunLockedError(RunError):
    """Another process is training in the folder of this run."""


class UnreadableResultError(ValueError):
    """`result.json` is damaged."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Args:
        path: the path of the run's folder.
    """

    path: Path

    @classmethod
    def of(cls, config: Config) -> "RunFolder":
        """The folder that a config names, as an absolute path; each further worker has a folder inside it."""
        folder = user_path(config.run_dir, f"run_dir={config.run_dir}").absolute()
        index = worker_index(config)
        return cls(folder / f"worker-{index}" if index else folder)

    # Names of files -----------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """The path of the composed config; a folder with this file is the folder of a run."""
        return self.path / CONFIG

    @property
    def result(self) -> Path:
        """The path of the result: status, reason and final metrics."""
        return self.path / "result.json"

    @property
    def journal(self) -> Path:
        """The path of the journal, which has one line of JSON per set of metrics."""
        return self.path / "metrics.jsonl"

    @property
    def findings(self) -> Path:
        """The path of the doctor's findings."""
        return self.path / "findings.json"

    @property
    def environment(self) -> Path:
        """The path of the environment: the code, versions, device and data of the run."""
        return self.path / "environment.json"

    @property
    def tracking(self) -> Path:
        """The path of the record of where the run is logged in MLflow, and whether MLflow has received all of it."""
        return self.path / "tracking.json"

    def tracker(self, name: str) -> Path:
        """The folder of a tracker in `tracking.also`, with its name."""
        return self.path / name

    @property
    def network(self) -> Path:
        """The path of the network's interface: image shape, scaling and classes."""
        return self.path / "network.json"

    @property
    def predictions(self) -> Path:
        """The path of the logits of the validation and test images."""
        return self.path / "predictions.npz"

    @property
    def page(self) -> Path:
        """The path of the page of the run, which shows its plots and images."""
        return self.path / PAGE

    @property
    def pictures(self) -> Path:
        """The folder of the pictures that MLflow shows."""
        return self.path / "pictures"

    @property
    def probes(self) -> Path:
        """The path of what the doctor's probes have measured of each layer."""
        return self.path / "probes.npz"

    @property
    def times(self) -> Path:
        """The path of the seconds that each part of the run took."""
        return self.path / "times.json"

    @property
    def log(self) -> Path:
        """The path of the log, with records of Python and messages of native libraries."""
        return self.path / "run.log"

    @property
    def summary(self) -> Path:
        """The path of Keras' table of layers."""
        return self.path / "model.txt"

    @property
    def keras_model(self) -> Path:
        """The path of the trained model, which is written with `tracking.model=keras`."""
        return self.path / "model.keras"

    @property
    def mlflow_model(self) -> Path:
        """The folder of the trained model in MLflow's format, which is written with `tracking.model=mlflow`."""
        return self.path / "model"

    @property
    def dataset(self) -> Path:
        """The path of the record of the data set: its fingerprint, image shape, classes, and images of each split."""
        return self.path / "dataset.json"

    @property
    def profile(self) -> Path:
        """The folder for the files of `trainer.profile`."""
        return self.path / "profile"

    @property
    def checkpoints(self) -> Path:
        """The folder of all checkpoints."""
        return self.path / "checkpoints"

    def checkpoint(self, name: str) -> Path:
        """The path of the checkpoint `best` or `last`."""
        return self.checkpoints / f"{name}.npz"

    def artifacts(self) -> list[Path]:
        """The paths of the existing files that MLflow keeps with the run as artifacts."""
        more = ("confusion.json", "classes.csv", "errors.csv")
        files = (self.page, self.config, self.summary, self.log, self.findings, *map(self.path.joinpath, more))
        return [path for path in files if path.exists()]

    @property
    def lock(self) -> Path:
        """The path of the lock file; the process that trains in the folder holds its lock."""
        return self.path / ".lock"

    # State of the run -----------------------------------------------------------------------------------------------

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
        """The status: `FINISHED`, `FAILED` or `KILLED`; `STARTED` without a readable result; empty without a run."""
        if not self.exists:
            return ""
        return str(_read_json(self.result, {}).get("status", STARTED))

    def holds_run_or_nothing(self) -> bool:
        """Whether the folder is empty or holds a run, so that a run may write to it."""
        present = {name for name in os.listdir(self.path) if not name.startswith("worker-")}
        return not present or bool(present & {file.name for file in (self.config, self.result, self.log, self.lock)})

    def has_other_code(self, builder: str) -> bool:
        """Whether the code of the run's builder has changed; a message is printed if the run did not record its code.

        Args:
            builder: `model.builder` of the run.
        """
        recorded, now = self.read_environment().get(CODE), code_digest(builder)
        if recorded is None:
            _report_unknown_code(builder, self.path)
        return bool(recorded and now) and recorded != now

    # The lock, and the files of an earlier start ------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in the same folder.

        Raises:
            RunLockedError: another process is training in the folder.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self.lock, wait=False))
            except BlockingIOError:
                raise RunLockedError(f"Another process is training in {self.path}.") from None
            yield

    def clear(self) -> None:
        """Remove the result of an earlier start and, unless there is a checkpoint to resume from, its metrics."""
        stale = [self.result, self.page, self.times]
        if not self.can_resume:
            stale += [self.journal, self.findings, self.probes, self.tracker("wandb") / LOGGED]
            if earlier := self.read_tracking():  # its MLflow run is deleted when the run of the new start is created
                keys = [*earlier.get("abandoned", []), *([earlier["key"]] if "key" in earlier else [])]
                kept = {key: earlier.get(key) for key in ("uri", "inside")}
                write_whole(self.tracking, json.dumps(kept | {"abandoned": keys}))
        stale += [*self.path.glob(f".*{PART}*"), *self.pictures.glob("*.png")]
        for path in stale:
            path.unlink(missing_ok=True)

    # The config ---------------------------------------------------------------------------------------------------

    def write_config(self, config: Config) -> None:
        """Write the config to `config.yaml`, without passwords and the tags of a sweep."""
        nested = settings(config)
        if config.tracking.uri is not None:
            nested["tracking"]["uri"] = without_password(config.tracking.uri)
        # The tags that a sweep adds are wrong for a run that is repeated on its own.
        if tags := config.tracking.tags:
            nested["tracking"]["tags"] = {
                k: v for k, v in tags.items() if not str(k).startswith(("exprun.", "mlflow."))
            }
        write_whole(self.config, yaml.safe_dump(nested, sort_keys=False, allow_unicode=True))

    def read_raw_config(self) -> Any:
        """The content of `config.yaml`, as the YAML parser returns it.

        Raises:
            OSError: the file cannot be read.
            ValueError, yaml.YAMLError: the file is not valid YAML.
        """
        return yaml.load(self.config.read_text(encoding="utf-8"), Loader=YAML_LOADER)

    def read_settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The nested settings of the run and, by dotted key, those that this version of exprun does not know.

        Raises:
            ConfigError: the file does not hold settings.
            OSError: the file cannot be read.
        """
        try:
            raw = self.read_raw_config()
        except (ValueError, yaml.YAMLError) as error:
            raise ConfigError(f"{self.config} cannot be read: {one_line(error)[:120]}.") from None
        if not isinstance(raw, dict):
            raise ConfigError(f"{self.config} does not hold settings.")
        known, unknown = known_settings(raw)
        if missing := [group for group in GROUPS if group not in known]:
            from exprun.config.compose import Composer

            defaults = settings(Composer().config([]))
            known |= {group: defaults[group] for group in missing}
        return known, unknown

    def read_config(self) -> Config:
        """The config of the run, written by this version or an older one; nothing in it is composed or executed.

        Raises:
            ConfigError: the file does not hold a config.
        """
        from exprun.config.compose import typed  # imports Hydra, which the other methods do not need

        known, unknown = self.read_settings()
        if unknown:
            ignored = "this setting is" if len(unknown) == 1 else "these settings are"
            say(f"{self.path}: {self.unknown_keys(unknown)}; {ignored} ignored.")
        try:
            return typed(known)
        except ConfigError as error:
            raise ConfigError(f"{self.config}, {self._written_by()}: {error}") from None

    def unknown_keys(self, unknown: Mapping[str, Any]) -> str:
        """A clause for messages about settings that this version does not know.

        Args:
            unknown: the unknown settings by dotted key.
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
        """Write the result of the run; the arguments are those of `RunResult`.

        Raises:
            OSError: the file cannot be written.
        """
        content = {"status": status, "reason": reason, "metrics": metrics, "history": history}
        write_whole(self.result, json.dumps(content, indent=1))

    def read_result(self) -> RunResult | None:
        """The result of the run; None while the run is running, or if its process died.

        Raises:
            UnreadableResultError: the file is damaged.
        """
        if not self.result.exists():
            return None
        try:
            content = json.loads(self.result.read_text(encoding="utf-8"))
            metrics, history = content.get("metrics") or {}, content.get("history") or []
            return RunResult(
                str(content["status"]),
                str(content.get("reason", "")),
                _numbers(metrics),
                list(map(_numbers, history)),
                self.path,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableResultError(f"{self.result} cannot be read: {one_line(error)[:120]}.") from None

    # The journal --------------------------------------------------------------------------------------------------

    def read_journal(self) -> list[dict[str, Any]]:
        """The lines of the journal, with the current names of metrics; a line that a crash cut short is left out."""
        return self.read_journal_from(0)[0]

    def read_journal_from(self, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The complete lines of the journal after an offset in bytes, and the offset of the next line."""
        return read_journal_from(self.journal, offset)

    # The doctor's findings ----------------------------------------------------------------------------------------

    def read_findings(self) -> list[dict[str, Any]]:
        """The doctor's findings, the one that causes the others first; empty if the file is missing or damaged."""
        return [finding for finding in _read_json(self.findings, []) if isinstance(finding, dict)]

    # The environment ----------------------------------------------------------------------------------------------

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write the code, versions, device and data of the run to `environment.json`."""
        write_whole(self.environment, json.dumps(environment, indent=1))

    def read_environment(self) -> dict[str, str]:
        """The code, versions, device and data of the run; empty if the file is missing or damaged."""
        return {str(key): str(value) for key, value in _read_json(self.environment, {}).items()}

    # The data set -------------------------------------------------------------------------------------------------

    def write_dataset(self, record: Mapping[str, Any]) -> None:
        """Write the record of the data set to `dataset.json`."""
        write_whole(self.dataset, json.dumps(record, indent=1, ensure_ascii=False))

    def read_dataset(self) -> dict[str, Any]:
        """The record of the data set; empty if the file is missing or damaged."""
        return dict(_read_json(self.dataset, {}))

    # Where the run is logged --------------------------------------------------------------------------------------

    def read_tracking(self) -> dict[str, Any]:
        """The record of where the run, or the sweep, is logged in MLflow; empty if the file is missing or damaged.

        If the store is below the same `outputs/`, its URI has its current path, as the project may have been moved or
        copied.
        """
        recorded: dict[str, Any] = _read_json(self.tracking, {})
        path = sqlite_path(str(recorded.get("uri")))
        if path is None or recorded.get("inside") is False:
            return recorded
        above = [parent / path.name for parent in self.path.resolve().parents if parent.name == path.parent.name]
        # Older versions recorded only the absolute path, and not whether the store is inside the same folder.
        fallback = above[0] if above and recorded.get("inside") else path
        recorded["uri"] = f"{SQLITE}{next((store for store in above if store.exists()), fallback)}"
        return recorded

    def update_tracking(self, **entries: Any) -> None:
        """Add entries to `tracking.json`.

        Args:
            entries: the entries to add or replace, such as `uri`, `run_id` and `delivered`.
        """
        write_whole(self.tracking, json.dumps(self.read_tracking() | entries))


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics without those that have no value (null)."""
    return {str(key): float(value) for key, value in metrics.items() if value is not None}


def _read_json(path: Path, default: Any) -> Any:
    """The content of a JSON file; the default if the file is missing, damaged or holds another type."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default
    return content if isinstance(content, type(default)) else default


@cache  # the message is printed once per process
def _report_unknown_code(builder: str, folder: Path) -> None:
    say(
        f"the run in {folder} was written by an older version, which did not record the code of "
        f"model.builder={builder}: whether the code is still the same is not known."
    )


def worker_index(config: Config) -> int:
    """The index of this process among the workers of `trainer.strategy=multi_worker`; 0 with other strategies.

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
