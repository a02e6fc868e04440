"""The end of a run: its result, the event for the listeners, and the summary that is printed."""

import logging
import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exprun.config.errors import one_line, without_password
from exprun.config.schema import Config
from exprun.console import Console
from exprun.run_folder import RunFolder
from exprun.run_result import RunResult
from exprun.signals import Signals
from exprun.times import Times
from exprun.tracking.store import is_server, server, tracking_uri
from exprun.tracking.view import page
from exprun.trainer.events import Listener, RunEnded

if TYPE_CHECKING:
    import keras

    from exprun.data import Dataset
    from exprun.input import Scaling
    from exprun.run_page.pictures import Pictures
    from exprun.tracking.follower import Follower
    from exprun.tracking.mlflow import MlflowTracker
    from exprun.tracking.predictions import Predictions

log = logging.getLogger(__name__)
UPLOAD_SECONDS = 60.0  # the longest that the end of a run waits for an MLflow server


class RunEnd:
    """Records and reports the end of a run.

    Args:
        config: the config of the run.
        folder: the run's folder.
        command: the command that repeats the run.
        console: the console that prints the summary.
        tracker: the tracker that logs the run to MLflow; None without one.
        times: the seconds of the parts of the run; None to write no page.
        others: the followers for `tracking.also`.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        command: str,
        console: Console,
        tracker: "MlflowTracker | None",
        times: Times | None = None,
        others: "Sequence[Follower]" = (),
    ) -> None:
        self.config, self.folder, self.command, self.console, self.tracker = config, folder, command, console, tracker
        self.times, self.others = times, others
        self.pictures: Pictures | None = None  # None if there are none beyond the record in the folder
        self.metrics: dict[str, float] = {}
        self.history: list[dict[str, float]] = []
        self.recall = ""  # the classes with the lowest recall, for the summary

    def write_result(self, status: str, reason: str) -> None:
        """Write `result.json`.

        Args:
            status: `FINISHED`, `FAILED` or `KILLED`.
            reason: the reason why the run ended before its last epoch; empty if it did all epochs.
        """
        self.folder.write_result(status, reason, self.metrics, self.history)

    def draw(
        self, predictions: "Predictions", dataset: "Dataset", model: "keras.Model | None", scaling: "Scaling"
    ) -> None:
        """Make the pictures of the page, if the run writes one.

        Args:
            predictions: what the network predicts.
            dataset: the images of the run.
            model: the network with its selected weights; None if the run did not end as planned.
            scaling: the scaling of images in evaluation.
        """
        if self.times is None:
            return
        from exprun.run_page.pictures import SECONDS, SHARE, pictures  # imported only after training

        seconds = max(SECONDS, SHARE * sum(self.times.seconds.values()))
        self.pictures = pictures(predictions.outcomes(dataset), dataset, model, scaling, seconds)

    def write_page(self) -> None:
        """Write the page of the run; a run whose page cannot be written is still complete."""
        if self.times is None:
            return
        try:
            from exprun.run_page.files import write_files
            from exprun.run_page.page import write_page
            from exprun.run_page.pictures import Pictures

            self.times.lap("record")
            self.times.write(self.folder.times)
            pictures = self.pictures or Pictures()
            try:
                write_page(self.folder, pictures)
            except OSError:
                self.folder.page.unlink(missing_ok=True)  # half a page would be opened, and sent to MLflow
                raise
            write_files(self.folder, pictures)
        except Exception as error:
            log.exception("The page could not be written")
            self.console.warn(f"The page of the run could not be written: {one_line(error)[:160]}")

    def report(self, status: str, reason: str, signals: Signals, listeners: Sequence[Listener]) -> RunResult:
        """Write the result, send `RunEnded` to the listeners, print the summary, and wait for MLflow.

        Args:
            status: `FINISHED`, `FAILED` or `KILLED`.
            reason: the reason why the run ended before its last epoch; empty if it did all epochs.
            signals: the signals that this process receives; a signal shortens the wait for MLflow.
            listeners: the listeners of the run; if the run failed before it had any, the console and the tracker.
        """
        try:
            self.write_result(status, reason)
        except OSError as error:
            if status == "FINISHED":
                status, reason = "FAILED", f"{self.folder.result} could not be written: {error.strerror}."
        self.write_page()
        if not listeners:
            listeners = [self.console] if self.tracker is None else [self.console, self.tracker]
        for listener in listeners:
            listener(RunEnded(status, reason, self.metrics))
        self.console.summary(status, reason, self.metrics, self._hints(status))
        if self.tracker is not None and (problem := self.tracker.wait(UPLOAD_SECONDS, signals.seen)):
            self.console.warn(
                f"MLflow has not received the run ({problem}); it is complete in {self.folder.path}, and "
                "python -m exprun sync uploads it."
            )
        for other in self.others:
            if problem := other.wait(UPLOAD_SECONDS, signals.seen):
                self.console.warn(
                    f"{other.title} has not recorded the whole run ({problem}); it is complete in {self.folder.path}."
                )
        return RunResult(status, reason, self.metrics, self.history, self.folder.path)

    def _hints(self, status: str) -> list[tuple[str, str]]:
        """The worst classes, the run folder, the command that resumes a killed run, and the run in MLflow."""
        hints = [("recall", self.recall)] if self.recall else []
        hints.append(("folder", str(self.folder.path)))
        if self.folder.page.exists():
            hints.append(("page", str(self.folder.page)))
        if status == "KILLED" and self.folder.can_resume:
            words = [w for w in shlex.split(self.command) if not w.startswith(("run_dir=", "trainer.resume="))]
            resume = shlex.join([*words, f"run_dir={self.folder.path}", "trainer.resume=true"])
            hints.append(("resume", without_password(resume)))
        if self.tracker is not None:
            uri = tracking_uri(self.config.tracking.uri)
            local = self.config.tracking.uri is None and "MLFLOW_TRACKING_URI" not in os.environ
            at = f"{server(uri)}{page(self.folder.path)}" if is_server(uri) else without_password(uri)
            hints.append(("MLflow", "python -m exprun ui" if local else at))
        return hints
