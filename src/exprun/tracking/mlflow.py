"""Log a run to MLflow from a separate thread, so that training never waits for a server."""

import contextlib
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
from exprun.tracking import descriptions, model, pictures
from exprun.tracking.environment import environment
from exprun.tracking.inputs import inputs
from exprun.tracking.params import flat
from exprun.tracking.store import address, artifact_root, repair, tracking_uri
from exprun.trainer.events import Event, RunEnded, RunStarted, StepsDone

log = logging.getLogger(__name__)
BATCH = 1000  # metrics per call: the most that MLflow accepts
SIGNAL_SECONDS = 5.0  # time that is left for the upload after a signal
TRIES_AFTER_END = 3  # tries to upload a run after its end
PAUSE_SECONDS = 1.0  # pause after an upload that failed; doubled for each further one while the run trains
MAX_PAUSE_SECONDS = 30.0
KEY = "exprun.key"  # tag of a run; its value is chosen before the run is created in MLflow
DELETED = "deleted"  # MLflow's lifecycle stage of a run or an experiment that was deleted and can be restored


class MlflowTracker:
    """Uploads the journal of a run to MLflow.

    Importing MLflow takes seconds, so it happens in the thread, after the first training step.

    Args:
        config: the config of the run.
        folder: the run's folder.
        name: the name of the run.
        command: the command that repeats the run.
        params: whether the settings are logged as params; for the parent run of a sweep they are not.
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
        """Start the upload after the first step, and finish it when the run ends."""
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
        """Wait, after the end of the run, until it is uploaded; returns why the upload failed, or None.

        Args:
            seconds: the longest time to wait.
            stop: a function that returns the name of the signal that asked the process to end, or None; after a
                signal the upload gets at most `SIGNAL_SECONDS` more.
        """
        deadline, signalled = time.monotonic() + seconds, False
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(0.2)
            if stop() and not signalled:
                deadline, signalled = min(deadline, time.monotonic() + SIGNAL_SECONDS), True
            if time.monotonic() > deadline:
                return self.problem or "it did not answer in time"
        return self.problem

    def expect(self) -> None:
        """Record in the run's folder that MLflow has yet to receive the run."""
        self.folder.update_tracking(**address(self.uri, self.folder.path), tags=self._own_tags(), delivered=False)

    def upload(self, ended: RunEnded, started: int, end: int) -> None:
        """Upload a run that has ended, from its folder; errors of the store are passed on.

        Args:
            ended: the event of the run's end.
            started: the start of the run, in milliseconds since 1970.
            end: the end of the run, in milliseconds since 1970.
        """
        self._ended, self._start_time, self._end_time = ended, started, end
        self._wake.set()
        self._upload_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._upload_until_end, name="mlflow", daemon=True)
        self._thread.start()

    def _upload_until_end(self) -> None:
        """Upload until the run has ended; after a failure upload everything again, as MLflow ignores duplicates."""
        pause, tries_after_end = PAUSE_SECONDS, 0
        while True:
            try:
                self._upload_all()
                self.problem = None
                return
            except Exception as error:  # a server, a disk or a network can fail in any way; training continues
                self.problem = without_password(one_line(error))[:200]
                log.exception("MLflow did not receive the run")
            tries_after_end += self._ended is not None
            if tries_after_end == TRIES_AFTER_END:
                return
            time.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS) if self._ended is None else PAUSE_SECONDS

    def _upload_all(self) -> None:
        client, run_id = self.open_run()
        offset = step = 0
        # The step, time and value of each metric at its highest step, whose value MLflow shows as the last one.
        last: dict[str, tuple[int, int, float]] = {}
        while True:
            self._wake.wait(2.0)
            ended = self._ended
            rows, offset = self.folder.read_journal_from(offset)
            self._send(client, run_id, rows)
            step = max([step, *(row["step"] for row in rows)])
            for row in rows:
                for key, value in row["metrics"].items():
                    if key not in last or row["step"] >= last[key][0]:
                        last[key] = row["step"], row["time"], value
            if ended is not None:
                self._close(client, run_id, ended, step, last)
                self.folder.update_tracking(delivered=True)
                return

    def open_run(self) -> tuple[Any, str]:
        """MLflow's client and the identifier of the run, which is created if an earlier start has not created it."""
        if (path := sqlite_path(self.uri)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with _locked(self.uri):  # the first use of a store creates its tables; two processes at once would break them
            _make_tables(self.uri)
            client = mlflow.MlflowClient(tracking_uri=self.uri)
            client.search_experiments(max_results=1)
        run_id = self._reopen(client)
        if run_id is None:
            experiment, recorded = self._experiment(client), self.folder.read_tracking()
            # A server may create the run and die before it answers. The key finds such a run again.
            key = str(recorded.get("key") or uuid.uuid4().hex)
            self.folder.update_tracking(**address(self.uri, self.folder.path), key=key)
            created = self._with_key(client, experiment, key) if "key" in recorded else []
            if created:
                run_id = created[0]
            else:
                tags = self._tags() | {KEY: key}
                run_id = str(client.create_run(experiment, self._start_time, tags, self.name).info.run_id)
            for old in recorded.get("abandoned", []):
                self._delete_others(client, experiment, old, run_id)
            self.folder.update_tracking(run_id=run_id, abandoned=[])
            self._retire(client, run_id)
        run = client.get_run(run_id)
        self.folder.update_tracking(experiment=str(run.info.experiment_id))
        self._delete_duplicates(client, run)
        if datasets := inputs(self.folder, self.config.data):
            client.log_inputs(run_id, datasets=datasets)
        if self.has_params and not run.data.params:
            client.log_batch(run_id, params=[mlflow.entities.Param(k, v) for k, v in self._params().items()])
        return client, run_id

    @staticmethod
    def _with_key(client: Any, experiment: str, key: str) -> list[str]:
        """The identifiers of the runs with a key.

        There is usually one. There is none if the server died before it created the run, and there are several if a
        call was repeated.
        """
        return [run.info.run_id for run in client.search_runs([experiment], f"tags.`{KEY}` = '{key}'")]

    def _delete_others(self, client: Any, experiment: str, key: str, run_id: str) -> None:
        """Delete all runs with a key except one; MLflow can restore them."""
        for other in self._with_key(client, experiment, key):
            if other != run_id:
                client.delete_run(other)

    def _delete_duplicates(self, client: Any, run: Any) -> None:
        """Delete the runs that the HTTP client created twice by repeating a call that was not answered."""
        if key := self.folder.read_tracking().get("key"):
            self._delete_others(client, str(run.info.experiment_id), key, str(run.info.run_id))

    def _reopen(self, client: Any) -> str | None:
        """The identifier of the run that an earlier start created, now RUNNING again; None if the store has none."""
        from mlflow.exceptions import MlflowException

        try:
            recorded = self.folder.read_tracking()
            if recorded["uri"] != without_password(self.uri):
                return None
            run = client.get_run(recorded["run_id"])
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
            # Params cannot change, so a tag holds the number of epochs of the resumed run.
            client.set_tag(run_id, "exprun.resumed_to_epochs", str(self.config.trainer.epochs))
        return run_id

    def _retire(self, client: Any, run_id: str) -> None:
        """Remove from the sweep the earlier runs that this run replaces."""
        from mlflow.exceptions import MlflowException

        for path in (self.folder.path.parent / REPLACED).glob(f"{self.folder.path.name}_*"):
            earlier = RunFolder(path).read_tracking()
            if earlier.get("uri") != without_password(self.uri) or "run_id" not in earlier:
                continue
            try:
                run = client.get_run(earlier["run_id"])
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                continue
            tags = run.data.tags
            if "exprun.replaced_by" not in tags and run.info.lifecycle_stage != DELETED:
                client.set_tag(earlier["run_id"], "exprun.replaced_by", run_id)
                for key in {"exprun.sweep", "mlflow.parentRunId"} & set(tags):
                    client.delete_tag(earlier["run_id"], key)

    def _params(self) -> dict[str, str]:
        params = flat(settings(self.config))
        if "tracking.uri" in params:
            params["tracking.uri"] = without_password(params["tracking.uri"])
        model = self.config.model
        unused = [*(["norm."] if model.layers is None else []), *(["init."] if model.builder else [])]
        return {key: value for key, value in params.items() if not key.startswith(tuple(unused))}

    def _experiment(self, client: Any) -> str:
        from mlflow.exceptions import MlflowException

        name = self.config.tracking.experiment
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            try:
                made = client.create_experiment(name, artifact_location=artifact_root(self.uri))
                experiment = client.get_experiment(made)
            except MlflowException:  # another process has created it in the meantime
                experiment = client.get_experiment_by_name(name)
                if experiment is None:
                    raise
        identifier = _restored(client, experiment)
        if descriptions.NOTE not in experiment.tags:
            client.set_experiment_tag(identifier, descriptions.NOTE, descriptions.EXPERIMENT)
        return identifier

    def _tags(self) -> dict[str, str]:
        values = self.folder.read_environment()
        values = values or environment(self.folder.path, self.command, self.config.model.builder)
        tags = {
            "mlflow.user": os.environ.get("USER", ""),
            "mlflow.source.name": "exprun",
            "mlflow.source.git.commit": values.pop("commit", ""),
            "exprun.mlflow": str(getattr(sys.modules.get("mlflow"), "__version__", "")),
            **{f"exprun.{key}": value for key, value in values.items()},
        }
        if self.config.fault.name != "none":
            tags["exprun.fault"] = self.config.fault.name
        return {key: value for key, value in (tags | self._own_tags()).items() if value}

    def _own_tags(self) -> dict[str, str]:
        """The tags in the config, including the tags that a sweep adds."""
        return {str(key): str(value) for key, value in (self.config.tracking.tags or {}).items()}

    @staticmethod
    def _send(client: Any, run_id: str, rows: list[dict[str, Any]]) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(key, value, row["time"], row["step"]) for row in rows for key, value in row["metrics"].items()
        ]
        for start in range(0, len(metrics), BATCH):
            client.log_batch(run_id, metrics=metrics[start : start + BATCH])

    def _findings(self) -> dict[str, str]:
        """The severity and the text of each finding of the doctor, by cause."""
        try:
            return {str(one["cause"]): f"{one['severity']}: {one['text']}" for one in self.folder.read_findings()}
        except KeyError:  # another version of exprun wrote the file
            return {}

    def _close(
        self, client: Any, run_id: str, ended: RunEnded, step: int, last: dict[str, tuple[int, int, float]]
    ) -> None:
        # MLflow shows the last value of each metric, so the run's final values are sent last.
        known = {key: value for key, (*_, value) in last.items()}
        final = {key: value for key, value in ended.metrics.items() if str(known.get(key)) != str(value)}
        self._send(client, run_id, [{"time": self._end_time, "step": step, "metrics": final}])
        if ended.reason:
            client.set_tag(run_id, "exprun.reason", ended.reason[:5000])
        for cause, text in self._findings().items():
            client.set_tag(run_id, f"exprun.finding.{cause}", text[:5000])
        for path in self.folder.artifacts():
            client.log_artifact(run_id, str(path))
        pictures.upload(client, run_id, self.folder, step)
        extra: dict[str | None, Callable[[], list[Path]]] = {
            "keras": lambda: [self.folder.keras_model],
            "checkpoint": lambda: sorted(self.folder.checkpoints.glob("*.npz")),
        }
        for path in extra.get(self.config.tracking.model, list)():
            if path.exists():
                client.log_artifact(run_id, str(path), "model")
        run = client.get_run(run_id)
        wanted = self.config.tracking.model == "mlflow" and ended.status == "FINISHED"
        uploaded = None
        if wanted and self.folder.mlflow_model.exists():  # only a warning is printed if it could not be written
            of_model = last | {key: (step, self._end_time, final[key]) for key in final}
            uploaded = model.upload(client, run, self.folder, of_model)
        has_file = self.config.tracking.model == "keras" and self.folder.keras_model.exists()
        if self.config.tracking.register and ended.status == "FINISHED" and (uploaded or has_file):
            model.register(client, run, self.config.tracking.register, uploaded)
        findings, command = self.folder.read_findings(), without_password(self.command)
        text = descriptions.of_run(ended.status, ended.reason, ended.metrics, findings, command)
        descriptions.describe(client, run, self.folder, text)
        # A repeated call may be answered before the first one, whose run then appears late.
        self._delete_duplicates(client, run)
        client.set_terminated(run_id, status=ended.status, end_time=self._end_time)


def _restored(client: Any, experiment: Any) -> str:
    """The identifier of an experiment, which is restored if it was deleted: its name cannot be used for another."""
    from mlflow.exceptions import MlflowException

    identifier = str(experiment.experiment_id)
    if experiment.lifecycle_stage == DELETED:
        try:
            client.restore_experiment(identifier)
        except MlflowException:  # another process may have restored it in the meantime
            if client.get_experiment(identifier).lifecycle_stage == DELETED:
                raise
        else:
            say(f"warning: the experiment {experiment.name} had been deleted in MLflow; it is restored, with its runs.")
    return identifier


def _locked(uri: str) -> contextlib.AbstractContextManager[None]:
    """A lock that keeps other processes from an SQLite store; other databases do their own locking."""
    if (path := sqlite_path(uri)) is None:
        return contextlib.nullcontext()
    return file_lock(Path(f"{path}.lock"), wait=True)


def _make_tables(uri: str) -> None:
    """Create all tables of a new SQLite store, or none: MLflow cannot use a store with only some of its tables.

    Only one process may call this at a time.
    """
    path = sqlite_path(uri)
    if path is None or "?" in uri or (path.exists() and path.stat().st_size):
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for leftover in path.parent.glob(f".{path.name}{PART}*"):  # a process that was killed leaves such a file
        leftover.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}{PART}{os.getpid()}")
    SqlAlchemyStore(f"sqlite:///{part}", artifact_root(uri)).engine.dispose()
    os.replace(part, path)


def _now() -> int:
    """The time in milliseconds since 1970, as MLflow records it."""
    return int(time.time() * 1000)
