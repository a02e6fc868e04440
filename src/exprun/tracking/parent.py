"""The parent run in MLflow, under which MLflow lists the runs of a sweep.

If the store fails, only the record in MLflow is missing; the runs themselves are not affected.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from exprun.config.errors import one_line, without_password
from exprun.config.schema import Config
from exprun.locks import file_lock
from exprun.run_folder import RunFolder
from exprun.tracking.descriptions import describe
from exprun.tracking.mlflow import BATCH, MlflowTracker
from exprun.tracking.view import Charts

log = logging.getLogger(__name__)
OPEN_SECONDS = 30.0  # the longest that child runs wait for the store, once MLflow is imported
TABLE = "settings.json"  # artifact with the arms of a sweep, which MLflow's UI draws as a table
TABLES = "mlflow.loggedArtifacts"  # MLflow's tag of a run that lists such artifacts
CLOSE_SECONDS = 60.0  # the longest that the end of a sweep waits for the store


@dataclass(frozen=True)
class Outcome:
    """The outcome of a sweep, as the parent run shows it.

    Args:
        description: the comparison of the arms in Markdown.
        metrics: the final metrics of each arm, by names that MLflow accepts.
        table: the arms as a table: the values of each column, one for each arm; empty without a comparison.
        files: the paths of further files to log, such as the report.
    """

    description: str
    metrics: dict[str, float] = field(default_factory=dict)
    table: dict[str, list[Any]] = field(default_factory=dict)
    files: Sequence[Path] = ()


class Parent:
    """Opens the parent run in a separate thread, and closes it at the end.

    If the folder has a parent run already, that run is opened again.

    Args:
        config: the config of a child run, which says where to log.
        folder: the folder that holds the child runs.
        name: the name of the parent run.
        command: the command that repeats all child runs.
        tags: the tags of the parent run.
        charts: the charts of the child runs that MLflow's UI shows; None for none.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        name: str,
        command: str,
        tags: dict[str, str],
        charts: Charts | None = None,
    ) -> None:
        self.problem: str | None = None
        self._client: Any = None
        self._run_id = ""
        self._wanted, self._charts = config.tracking.name == "mlflow", charts
        all_tags = {**(config.tracking.tags or {}), **tags}
        tracked = replace(config, tracking=replace(config.tracking, tags=all_tags)) if self._wanted else config
        self._tracker = MlflowTracker(tracked, RunFolder(folder), name[:200], command, params=False)
        self._imported = threading.Event()
        self._opening = threading.Thread(target=self._guarded, args=(self._open,), daemon=True)
        if self._wanted:
            self._opening.start()

    def tags(self) -> dict[str, str] | None:
        """The tags that make a run a child of this one; None if nothing is logged or the store does not answer."""
        if self._wanted:
            self._imported.wait()  # no time limit: a slow import means a busy machine, not a store that is away
            self._opening.join(OPEN_SECONDS)
            if self._opening.is_alive():
                self.problem = "it did not answer in time"
        if not self._wanted or self.problem:
            return None
        return {"mlflow.parentRunId": self._run_id}

    def close(self, status: str, tags: dict[str, str], outcome: Outcome) -> None:
        """Record the end of the parent run in MLflow.

        Args:
            status: the status of the parent run: `FINISHED`, `FAILED` or `KILLED`.
            tags: further tags of the parent run.
            outcome: the outcome of the sweep.
        """
        if not self._wanted:
            return
        self._opening.join(CLOSE_SECONDS)
        if not self._run_id:
            return
        self.problem = None  # the run may have opened after `OPEN_SECONDS`

        def end() -> None:
            self._client, self._run_id = self._tracker.open_run()  # the run may have been deleted since its start
            for key, value in tags.items():
                self._client.set_tag(self._run_id, key, value[:5000])
            try:
                self._log(outcome)
            finally:  # a store that refuses the report, for example, must not show a sweep that runs forever
                self._client.set_terminated(self._run_id, status=status)
            self._tracker.folder.update_tracking(delivered=True)

        closing = threading.Thread(target=self._guarded, args=(end,), daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            self.problem = "it did not answer in time"

    def _log(self, outcome: Outcome) -> None:
        """Log the outcome of the sweep; what a sweep that is continued has logged before is replaced."""
        from mlflow.entities import Metric

        client, run_id, now = self._client, self._run_id, int(1000 * time.time())
        describe(client, client.get_run(run_id), self._tracker.folder, outcome.description)
        metrics = [Metric(key, value, now, 0) for key, value in outcome.metrics.items()]
        for start in range(0, len(metrics), BATCH):
            client.log_batch(run_id, metrics=metrics[start : start + BATCH])
        if outcome.table:
            # MLflow appends to a table that exists, so it is written as a file in the format of `log_table`.
            rows = list(zip(*outcome.table.values(), strict=True))
            client.log_dict(run_id, {"columns": list(outcome.table), "data": rows}, TABLE)
            client.set_tag(run_id, TABLES, json.dumps([{"path": TABLE, "type": "table"}]))
        for file in outcome.files:
            client.log_artifact(run_id, str(file))

    def _open(self) -> None:
        try:
            import mlflow  # noqa: F401
        finally:
            self._imported.set()
        with file_lock(self._tracker.folder.lock, wait=True):  # processes that share a sweep share its parent run
            self._client, self._run_id = self._tracker.open_run()
        self._tracker.folder.update_tracking(delivered=False)
        try:
            self._add_charts()
        except Exception:  # a server may refuse it, and the sweep is complete without charts
            log.info("MLflow has not received the charts of the sweep", exc_info=True)

    def _add_charts(self) -> None:
        if self._charts is not None:
            folder = self._tracker.folder
            tag = self._charts.tag(self._run_id, self._tracker.name, int(1000 * time.time()))
            self._client.set_experiment_tag(folder.read_tracking()["experiment"], *tag)
            folder.update_tracking(has_charts=True)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # a server, a disk or a network can fail in any way
            self.problem = without_password(one_line(error))[:200]
