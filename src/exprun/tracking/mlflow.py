"""Logs a run to MLflow from a thread of its own, so that training never waits for a server."""

import contextlib
import json
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exprun.config.errors import one_line, say, without_password
from exprun.config.paths import sqlite_path
from exprun.config.schema import Config, settings
from exprun.files import PART
from exprun.locks import file_lock
from exprun.outputs import REPLACED
from exprun.run_folder import RunFolder
from exprun.tracking.environment import environment
from exprun.tracking.store import address, artifact_root, repair, tracking_uri
from exprun.trainer.events import Event, RunEnded, RunStarted, StepsDone

log = logging.getLogger(__name__)
BATCH = 1000  # metrics in one call: the most MLflow takes
HURRY_SECONDS = 5.0  # that the delivery gets after a signal
TRIES_AFTER_END = 3  # of the delivery
KEY = "exprun.key"  # tag of a run, chosen before it is made
DELETED = "deleted"  # stage of what was deleted in MLflow's pages, and can be restored
PARAM_LIMIT = 6000  # characters of a param's value: the most MLflow takes


class MlflowTracker:
    """Delivers the journal of a run to MLflow.

    Importing MLflow takes seconds, so it happens in the thread, behind the first training step.

    Args:
        config: of the run.
        folder: of the run.
        name: of the run.
        command: repeats the run.
        params: whether the settings are those of the run; of a run above others they are not.
    """

    def __init__(self, config: Config, folder: RunFolder, name: str, command: str, params: bool = True) -> None:
        self.config, self.folder, self.name, self.command = config, folder, name, command
        self.has_params = params
        self.uri = tracking_uri(config.tracking.uri)
        if config.tracking.name == "mlflow":
            repair(self.uri)
        self.problem: str | None = None
        self._ended: RunEnded | None = None
        self._start_time = self._end_time = _now()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        match event:
            case RunStarted():
                self._start_time = _now()
            case StepsDone() if self._thread is None:
                self._start()
            case RunEnded():
                self._ended, self._end_time = event, _now()
                if self._thread is None:
                    self._start()
                self._wake.set()

    def wait(self, seconds: float, stop: Callable[[], str | None]) -> str | None:
        """Wait for the delivery after the end; returns what kept it from arriving, or None.

        Args:
            seconds: at most.
            stop: tells whether a signal asked to end; then it gets `HURRY_SECONDS` more.
        """
        give_up, hurried = time.monotonic() + seconds, False
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)
            if stop() and not hurried:
                give_up, hurried = min(give_up, time.monotonic() + HURRY_SECONDS), True
            if time.monotonic() > give_up:
                return self.problem or "it did not answer in time"
        return self.problem

    def expect(self) -> None:
        """Note in the run's folder that it is to arrive."""
        self.folder.update_tracking(**address(self.uri, self.folder.path), tags=self._own_tags(), delivered=False)

    def deliver(self, ended: RunEnded, started: int, end: int) -> None:
        """Deliver a run whose folder is complete; a failure of the store raises what it raised.

        Args:
            ended: how it ended.
            started: when, in milliseconds since 1970.
            end: when it ended.
        """
        self._ended, self._start_time, self._end_time = ended, started, end
        self._wake.set()
        self._deliver_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._deliver, name="mlflow", daemon=True)
        self._thread.start()

    def _deliver(self) -> None:
        """Deliver until the end; after a failure begin again, for what arrives twice counts once."""
        pause, tries_after_end = 1.0, 0
        while tries_after_end < TRIES_AFTER_END:
            try:
                self._deliver_all()
                self.problem = None
                return
            except Exception as error:  # whatever a server, a disk or a network does, training goes on
                self.problem = without_password(one_line(error))[:200]
                log.exception("MLflow did not take the run")
            tries_after_end += self._ended is not None
            time.sleep(pause)
            pause = min(2 * pause, 30.0) if self._ended is None else 1.0

    def _deliver_all(self) -> None:
        client, run_id = self.open_run()
        offset = step = 0
        last: dict[str, tuple[int, float]] = {}  # of each metric, by the rule of MLflow: the one of the highest step
        while True:
            self._wake.wait(2.0)
            ended = self._ended
            rows, offset = self.folder.read_journal_from(offset)
            self._send(client, run_id, rows)
            step = max([step, *(row["step"] for row in rows)])
            for row in rows:
                for key, value in row["metrics"].items():
                    if key not in last or row["step"] >= last[key][0]:
                        last[key] = row["step"], value
            if ended is not None:
                self._close(client, run_id, ended, step, {key: value for key, (_, value) in last.items()})
                self.folder.update_tracking(delivered=True)
                return

    def open_run(self) -> tuple[Any, str]:
        """The client and the run, a new one or that of an earlier start."""
        if (path := sqlite_path(self.uri)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with _alone(self.uri):  # the first use of a store makes its tables, which two at once would spoil
            _make_tables(self.uri)
            client = mlflow.MlflowClient(tracking_uri=self.uri)
            client.search_experiments(max_results=1)
        run_id = self._reopen(client)
        if run_id is None:
            experiment, known = self._experiment(client), self.folder.read_tracking()
            # A server may die when it has made the run, and before it has said so: the key tells it again.
            key = str(known.get("key") or uuid.uuid4().hex)
            self.folder.update_tracking(**address(self.uri, self.folder.path), key=key)
            made = self._with_key(client, experiment, key) if "key" in known else []
            if made:
                run_id = made[0]
            else:
                tags = self._tags() | {KEY: key}
                run_id = str(client.create_run(experiment, self._start_time, tags, self.name).info.run_id)
            for old in known.get("abandoned", []):
                self._delete_others(client, experiment, old, run_id)
            self.folder.update_tracking(run_id=run_id, abandoned=[])
            self._retire(client, run_id)
        run = client.get_run(run_id)
        self._delete_doubles(client, run)
        self._log_inputs(client, run_id)
        if self.has_params and not run.data.params:
            client.log_batch(run_id, params=[mlflow.entities.Param(k, v) for k, v in self._params().items()])
        return client, run_id

    @staticmethod
    def _with_key(client: Any, experiment: str, key: str) -> list[str]:
        """The runs made under a key: one, none where the server died before, more where a call was repeated."""
        return [run.info.run_id for run in client.search_runs([experiment], f"tags.`{KEY}` = '{key}'")]

    def _delete_others(self, client: Any, experiment: str, key: str, run_id: str) -> None:
        """Take away what was made under a key, but for one run; MLflow can restore it."""
        for other in self._with_key(client, experiment, key):
            if other != run_id:
                client.delete_run(other)

    def _delete_doubles(self, client: Any, run: Any) -> None:
        """Take away what the HTTP client made a second time: it repeats a call whose answer did not come."""
        if key := self.folder.read_tracking().get("key"):
            self._delete_others(client, str(run.info.experiment_id), key, str(run.info.run_id))

    def _reopen(self, client: Any) -> str | None:
        """The run of an earlier start, RUNNING again, where this store has one."""
        from mlflow.exceptions import MlflowException

        try:
            note = self.folder.read_tracking()
            if note["uri"] != without_password(self.uri):
                return None
            run = client.get_run(note["run_id"])
        except KeyError:
            return None
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        run_id = str(run.info.run_id)
        if run.info.lifecycle_stage == DELETED:
            _restored(client, client.get_experiment(run.info.experiment_id))
            if client.get_run(run_id).info.lifecycle_stage == DELETED:
                client.restore_run(run_id)
                say(f"warning: the run {self.name} had been deleted in MLflow; it is restored.")
        client.update_run(run_id, status="RUNNING")
        if "exprun.reason" in run.data.tags:
            client.delete_tag(run_id, "exprun.reason")
        if run.data.params.get("trainer.epochs") not in (None, str(self.config.trainer.epochs)):
            # Params cannot change, so a tag tells how far the resumed run goes.
            client.set_tag(run_id, "exprun.resumed_to_epochs", str(self.config.trainer.epochs))
        return run_id

    def _retire(self, client: Any, run_id: str) -> None:
        """Take earlier runs out of the sweep in whose place this one was trained anew."""
        from mlflow.exceptions import MlflowException

        for path in (self.folder.path.parent / REPLACED).glob(f"{self.folder.path.name}_*"):
            before = RunFolder(path).read_tracking()
            if before.get("uri") != without_password(self.uri) or "run_id" not in before:
                continue
            try:
                run = client.get_run(before["run_id"])
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                continue
            tags = run.data.tags
            if "exprun.replaced_by" not in tags and run.info.lifecycle_stage != DELETED:
                client.set_tag(before["run_id"], "exprun.replaced_by", run_id)
                for key in {"exprun.sweep", "mlflow.parentRunId"} & set(tags):
                    client.delete_tag(before["run_id"], key)

    def _params(self) -> dict[str, str]:
        params = flat(settings(self.config))
        if "tracking.uri" in params:
            params["tracking.uri"] = without_password(params["tracking.uri"])
        unused = ("init.", "norm.") if self.config.model.builder else ()
        return {key: value for key, value in params.items() if not key.startswith(unused)}

    def _experiment(self, client: Any) -> str:
        from mlflow.exceptions import MlflowException

        name = self.config.tracking.experiment
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(client.create_experiment(name, artifact_location=artifact_root(self.uri)))
            except MlflowException:  # another process made it in the meantime
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
        return _restored(client, found)

    def _tags(self) -> dict[str, str]:
        found = self.folder.read_environment() or environment(self.folder.path, self.command, self.config.model.builder)
        tags = {
            "mlflow.user": os.environ.get("USER", ""),
            "mlflow.source.name": "exprun",
            "mlflow.source.git.commit": found.pop("commit", ""),
            "exprun.mlflow": str(getattr(sys.modules.get("mlflow"), "__version__", "")),
            **{f"exprun.{key}": value for key, value in found.items()},
        }
        if self.config.fault.name != "none":
            tags["exprun.fault"] = self.config.fault.name
        return {key: value for key, value in (tags | self._own_tags()).items() if value}

    def _own_tags(self) -> dict[str, str]:
        """Those of the config, and what a sweep says of its runs."""
        return {str(key): str(value) for key, value in (self.config.tracking.tags or {}).items()}

    def _log_inputs(self, client: Any, run_id: str) -> None:
        """The data set as MLflow's own kind of entry."""
        fingerprint = self.folder.read_environment().get("data_fingerprint", "")
        if not fingerprint:
            return
        from mlflow.entities import Dataset, DatasetInput

        data = self.config.data
        source = json.dumps({"root": data.root, "split_seed": data.split_seed})
        digest = fingerprint[:12]
        entry = Dataset(name=data.name, digest=digest, source_type="local", source=source)
        client.log_inputs(run_id, datasets=[DatasetInput(dataset=entry, tags=[])])

    @staticmethod
    def _send(client: Any, run_id: str, rows: list[dict[str, Any]]) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(key, value, row["time"], row["step"]) for row in rows for key, value in row["metrics"].items()
        ]
        for start in range(0, len(metrics), BATCH):
            client.log_batch(run_id, metrics=metrics[start : start + BATCH])

    def _findings(self) -> dict[str, str]:
        """What the doctor found, by cause."""
        try:
            return {str(one["cause"]): f"{one['severity']}: {one['text']}" for one in self.folder.read_findings()}
        except KeyError:  # another version wrote them
            return {}

    def _close(self, client: Any, run_id: str, ended: RunEnded, step: int, known: dict[str, float]) -> None:
        # So that the last value of each metric is the final one of the run.
        final = {key: value for key, value in ended.metrics.items() if str(known.get(key)) != str(value)}
        self._send(client, run_id, [{"time": self._end_time, "step": step, "metrics": final}])
        if ended.reason:
            client.set_tag(run_id, "exprun.reason", ended.reason[:5000])
        for cause, text in self._findings().items():
            client.set_tag(run_id, f"exprun.finding.{cause}", text[:5000])
        for path in self.folder.artifacts():
            client.log_artifact(run_id, str(path))
        extra: dict[str | None, Callable[[], list[Path]]] = {
            "keras": lambda: [self.folder.keras_model],
            "checkpoint": lambda: sorted(self.folder.checkpoints.glob("*.npz")),
        }
        for path in extra.get(self.config.tracking.model, list)():
            if path.exists():
                client.log_artifact(run_id, str(path), "model")
        # The first of two calls may have been late, and its run have come after that of the second.
        self._delete_doubles(client, client.get_run(run_id))
        client.set_terminated(run_id, status=ended.status, end_time=self._end_time)


def _restored(client: Any, experiment: Any) -> str:
    """The identifier of an experiment, which is restored where it had been deleted: its name stays taken."""
    from mlflow.exceptions import MlflowException

    found = str(experiment.experiment_id)
    if experiment.lifecycle_stage == DELETED:
        try:
            client.restore_experiment(found)
        except MlflowException:  # another process restored it in the meantime
            if client.get_experiment(found).lifecycle_stage == DELETED:
                raise
        else:
            say(f"warning: the experiment {experiment.name} had been deleted in MLflow; it is restored, with its runs.")
    return found


def _alone(uri: str) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from an SQLite store meanwhile; other databases see to that themselves."""
    if (path := sqlite_path(uri)) is None:
        return contextlib.nullcontext()
    return file_lock(Path(f"{path}.lock"), wait=True)


def _make_tables(uri: str) -> None:
    """Make a new SQLite store, which is there whole or not at all: MLflow cannot go on where a part of it was made.

    To be called by one process at a time.
    """
    path = sqlite_path(uri)
    if path is None or "?" in uri or (path.exists() and path.stat().st_size):
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for left in path.parent.glob(f".{path.name}{PART}*"):  # by a process that was killed
        left.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}{PART}{os.getpid()}")
    SqlAlchemyStore(f"sqlite:///{part}", artifact_root(uri)).engine.dispose()
    os.replace(part, path)


def _now() -> int:
    """Milliseconds since 1970, as MLflow counts."""
    return int(time.time() * 1000)


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested config as dotted keys and text, for MLflow's params; settings that are off are left out."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[f"{prefix}{key}"] = str(value)[:PARAM_LIMIT]
    return found
