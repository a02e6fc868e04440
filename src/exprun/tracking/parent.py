"""The parent run in MLflow, under which MLflow lists the runs of a sweep.

If the store fails, only the record in MLflow is missing; the runs themselves are not affected.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from exprun.config.errors import one_line, without_password
from exprun.config.schema import Config
from exprun.locks import file_lock
from exprun.run_folder import RunFolder
from exprun.tracking.mlflow import MlflowTracker
from exprun.tracking.view import Charts

log = logging.getLogger(__name__)
OPEN_SECONDS = 30.0  # the longest that child runs wait for the store, once MLflow is imported
CLOSE_SECONDS = 60.0  # the longest that the end of a sweep waits for the store


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

    def close(self, status: str, tags: dict[str, str], files: Sequence[Path]) -> None:
        """Record the end of the parent run in MLflow, with files of a report as artifacts.

        Args:
            status: the status of the parent run: `FINISHED`, `FAILED` or `KILLED`.
            tags: further tags of the parent run.
            files: the paths of the files to log.
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
            for file in files:
                self._client.log_artifact(self._run_id, str(file))
            self._client.set_terminated(self._run_id, status=status)
            self._tracker.folder.update_tracking(delivered=True)

        closing = threading.Thread(target=self._guarded, args=(end,), daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            self.problem = "it did not answer in time"

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
