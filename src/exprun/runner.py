"""A run, from its config to its result: the whole story on one page."""

import contextlib
import gc
import hashlib
import json
import logging
import os
import shlex
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig

from exprun import backend
from exprun.assembly import assemble
from exprun.config.checks import check_shape
from exprun.config.errors import ConfigError, DataError, RunError, UserError, one_line, say, without_password
from exprun.config.schema import Config
from exprun.config.weights import find_weights
from exprun.data import Dataset, load
from exprun.fault import injected_dataset
from exprun.files import write_whole
from exprun.input import Scaling, fit
from exprun.interface import Interface, save_keras
from exprun.logs import logging_to
from exprun.outputs import remember, with_last_run
from exprun.run_folder import RunResult, clear, locked, name_of, preflight, run_folder, worker_index, write_config
from exprun.signals import Killed, Signals
from exprun.tracking.source import Environment
from exprun.tracking.store import note_of, tracking_uri

if TYPE_CHECKING:
    from exprun.doctor.finding import Finding
    from exprun.trainer.events import Event
    from exprun.trainer.loop import Outcome
    from exprun.trainer.step import Step


log = logging.getLogger(__name__)
DELIVERY_SECONDS = 60.0  # that the end of a run waits for a tracking server


@dataclass
class Session:
    """What runs of one process share: a loaded set, a compiled step. It never changes a result."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    steps: dict[str, "Step"] = field(default_factory=dict)
    examined: dict[type, tuple[weakref.ref[Any], str, list["Finding"]]] = field(default_factory=dict)
    settled: bool = False
    mlflow_is_away: bool = False  # then runs that were complete before do not wait for it, one after another

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config, loaded once."""
        key = json.dumps(asdict(config.data), sort_keys=True)
        if key not in self.datasets:
            self.datasets.clear()  # one at a time: sets are large
            self.datasets[key] = load(config.data)
        return self.datasets[key]

    def once(self, subject: Any, settings: str, examine: Callable[[], list["Finding"]]) -> list["Finding"]:
        """What the doctor says of the images alone, or of the step, looked at once for runs that share them.

        Args:
            subject: the `Dataset`, or the `Step`.
            settings: on which it depends too.
            examine: looks at it.
        """
        before, known, found = self.examined.get(type(subject), (lambda: None, "", []))
        if before() is not subject or known != settings:
            found = examine()
            self.examined[type(subject)] = weakref.ref(subject), settings, found
        return found

    def keep_step(self, key: str | None) -> None:
        """Let go of the step of any other structure, before the next takes its memory."""
        if self.steps.keys() - {key}:
            self.steps = {known: step for known, step in self.steps.items() if known == key}
            if self.settled:
                gc.unfreeze()
                self.settled = False
            gc.collect()

    def settle(self) -> None:
        """Leave what the first run has imported and built out of the search for garbage before each later one.

        For processes that only do runs: what is alive now and let go of later is not freed before `keep_step` lets go.
        """
        if not self.steps:
            return
        gc.collect()  # what is left of the run before: a network whose values the shared step has taken
        if not self.settled:
            gc.freeze()
            self.settled = True

    def step(self, key: str | None, make: Callable[[], "Step"]) -> "Step":
        """The step of a structure, compiled once; it holds the values of the run before."""
        if key is None:
            return make()
        if key not in self.steps:
            self.steps[key] = make()
        return self.steps[key]


def run(
    config: Sequence[str] | DictConfig | dict[str, Any] | Config,
    session: Session | None = None,
    command: str | None = None,
) -> RunResult:
    """Train, log and measure what a config describes.

    Args:
        config: a list of overrides (`["model=vgg16", "seed=3"]`), a composed config, or a checked one.
        session: what it may share with other runs of this process.
        command: repeats the run, for its record; made from the config where it is left out.

    Raises:
        ConfigError: the config is wrong; nothing has been written.
        DataError: the data is missing, damaged or does not fit.
        RunError: the run could not start or go on.
        Killed: a signal ended it; what was done is recorded.
    """
    config, overrides = _checked(config)
    backend.check_keras()
    before = preflight(config)
    folder = run_folder(config)
    session = session or Session()
    if before is not None:
        _deliver_late(config, folder, session)
        return before
    name = name_of(config)
    if command is None:
        words = overrides or ["--config-dir", str(folder), f"run_dir={folder}-again"]
        command = shlex.join(["python", "-m", "exprun", *words])

    from exprun.console import Console

    story = _Story(config, folder, name, command, Console(config, name, folder), session)
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remember(folder)
            stack.enter_context(locked(folder))
            clear(folder)
            write_config(config, folder)
            stack.enter_context(logging_to(folder / "run.log"))
        except OSError as error:
            raise RunError(f"{folder} cannot be written: {error.strerror}.") from None
        with Signals() as signals:
            return story.tell(signals)


class _Story:
    """The steps of one run, and who listens to them."""

    def __init__(self, config: Config, folder: Path, name: str, command: str, console: Any, session: Session) -> None:
        self.config, self.folder, self.name, self.command = config, folder, name, command
        self.console, self.session = console, session
        self.listeners: list[Callable[[Event], None]] = [console]
        self.tracker: Any = None
        self.metrics: dict[str, float] = {}
        self.history: list[dict[str, float]] = []
        self.predictions: np.ndarray | None = None

    def tell(self, signals: Signals) -> RunResult:
        """Load, build, train, record; whatever ends it is recorded too."""
        if not self.config.trainer.dry_run:
            self._add_tracker()
        try:
            dataset, scaling = self._load()
            outcome = self._train(injected_dataset(self.config, dataset), scaling, signals)
        except Killed as killed:
            self._write_result("KILLED", f"stopped by {killed.name}")
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {one_line(error)[:300]}"
            log.exception("The run failed")
            signals.training = True  # the record of the failure is not to be cut short either
            self._end(signals, "FAILED", reason)
            raise
        self.metrics, self.history = outcome.metrics, outcome.history
        if outcome.status != "KILLED" and not self.config.trainer.dry_run:
            self._write_artifacts(dataset)
        result = self._end(signals, outcome.status, outcome.reason)
        if name := signals.seen():
            raise Killed(name)
        return result

    def _load(self) -> tuple[Dataset, Scaling]:
        """The images, and the scaling fitted on those to train on."""
        started = time.perf_counter()
        self.console.say(f"{self.name}: loading data={self.config.data.name}")
        dataset = self.session.dataset(self.config)
        height, width, channels = dataset.image_shape
        try:
            check_shape(self.config, (height, width), channels)
        except ConfigError as error:
            raise DataError(str(error)) from None
        for line in dataset.remarks():
            self.console.warn(line)
        for path, reason in dataset.left_out:
            log.warning("left out %s: %s", path, reason)
        for line in dataset.skipped:
            log.warning("skipped %s", line)
        scaling = fit(self.config.input, dataset.train)
        parts = [(dataset.train, "training"), (dataset.val, "validation"), (dataset.test, "test")]
        counts = ", ".join(f"{len(split):,} {name}" for split, name in parts if split is not None)
        self.console.say(
            f"{self.name}: {counts} images of {height}×{width}×{channels}, {len(dataset.classes)} classes, "
            f"ready in {time.perf_counter() - started:.1f} s"
        )
        return dataset, scaling

    def _train(self, dataset: Dataset, scaling: Scaling, signals: Signals) -> "Outcome":
        config = self.config
        assembly = assemble(config, dataset, scaling, self.session)
        step, model = assembly.step, assembly.step.model
        device = step.device

        from exprun.tracking.journal import Journal
        from exprun.trainer.checkpoint import Checkpoints
        from exprun.trainer.device import computing
        from exprun.trainer.events import RunStarted
        from exprun.trainer.loop import Loop
        from exprun.trainer.memory import available, check_batch
        from exprun.trainer.prune import Halving

        if not device.gpu:  # which says so itself
            check_batch(model, device.precision, config.trainer.batch_size, available())

        if assembly.loaded:
            names = ", ".join(assembly.loaded)
            self.console.say(f"{self.name}: weights of {names} from {config.model.weights}")
        keep = config.trainer.checkpoint and not config.trainer.dry_run
        checkpoints = Checkpoints(self.folder / "checkpoints" if keep else None)
        if not config.trainer.dry_run:
            journal = Journal(self.folder / "metrics.jsonl", config.trainer.log_every)
            Interface.of(dataset, assembly.scaling).write(self.folder)
            self.listeners[:0] = [Environment(self.folder, self.command, config.model.builder), journal]
        self.listeners.append(self._keep_predictions)
        hopeless = Halving(self.folder, config.trainer.select == "val/loss") if config.sweep.prune == "asha" else None
        loop = Loop(assembly.config, dataset, step, checkpoints, self._emit, signals.seen, hopeless)
        if config.trainer.resume and (self.folder / "checkpoints" / "last.npz").exists():
            loop.resume()
            if checkpoints.damaged:
                self.console.warn(f"{checkpoints.damaged} The checkpoint before it is used.")
            self.history = loop.state.history
            self.console.say(f"{self.name}: resuming after step {loop.state.step}")
        elif config.trainer.resume:
            self.console.say(f"{self.name}: nothing to resume in {self.folder}, so it starts at step 0")
        if config.doctor.name == "watch" and worker_index(config) == 0:
            from exprun.doctor.run import RunDoctor

            self.listeners.append(RunDoctor(config, dataset, assembly, self.session, self._emit))
        summary = _summary(model)
        (self.folder / "model.txt").write_text(summary, encoding="utf-8")
        self._emit(
            RunStarted(
                device=device.description,
                precision=device.precision,
                parameters=model.count_params(),
                steps_per_epoch=loop.steps_per_epoch,
                total_steps=loop.total_steps,
                first_step=loop.state.step,
                data_fingerprint=dataset.fingerprint,
                weights_fingerprint=_digest(find_weights(config.model.weights)) if config.model.weights else "",
                computing=computing(),
            )
        )
        signals.training = True  # and beyond: what is trained is also recorded
        outcome = loop.train()
        if config.tracking.model == "keras" and outcome.status == "FINISHED" and not config.trainer.dry_run:
            save_keras(self.folder / "model.keras", model, assembly.scaling, dataset.image_shape)
        return outcome

    def _add_tracker(self) -> None:
        if self.config.tracking.name == "mlflow" and worker_index(self.config) == 0:
            from exprun.tracking.mlflow import MlflowTracker

            self.tracker = MlflowTracker(self.config, self.folder, self.name, self.command)
            self.tracker.expect()
            self.listeners.append(self.tracker)

    def _keep_predictions(self, event: "Event") -> None:
        if getattr(event, "split", "") == "test":
            self.predictions = event.predictions  # type: ignore[union-attr]

    def _emit(self, event: "Event") -> None:
        for listener in self.listeners:
            listener(event)

    def _write_artifacts(self, dataset: Dataset) -> None:
        """Pictures; a run is no worse for lacking one."""
        try:
            from exprun.tracking import artifacts

            artifacts.write_curves(self.folder)
            if dataset.test is not None and self.predictions is not None:
                labels = dataset.test.row_labels
                artifacts.write_confusion(self.folder, dataset.classes, labels, self.predictions)
                artifacts.write_misclassified(self.folder, dataset.classes, dataset.test, self.predictions)
        except Exception as error:
            log.exception("A picture could not be written")
            self.console.warn(f"A picture of the run could not be written: {one_line(error)[:160]}")

    def _end(self, signals: Signals, status: str, reason: str) -> RunResult:
        """Record the end everywhere, and show it."""
        from exprun.trainer.events import RunEnded

        try:
            self._write_result(status, reason)
        except OSError as error:
            problem = f"{self.folder / 'result.json'} could not be written: {error.strerror}."
            status, reason = ("FAILED", problem) if status == "FINISHED" else (status, reason)
        result = RunResult(status, reason, self.metrics, self.history, self.folder)
        self._emit(RunEnded(status, reason, self.metrics))
        hints = [("folder", str(self.folder))]
        if status == "KILLED" and (self.folder / "checkpoints" / "last.npz").exists():
            words = [w for w in shlex.split(self.command) if not w.startswith(("run_dir=", "trainer.resume="))]
            resume = shlex.join([*words, f"run_dir={self.folder}", "trainer.resume=true"])
            hints.append(("resume", without_password(resume)))
        if self.tracker is not None:
            uri = tracking_uri(self.config.tracking.uri)
            local = self.config.tracking.uri is None and "MLFLOW_TRACKING_URI" not in os.environ
            hints.append(("MLflow", "python -m exprun ui" if local else without_password(uri)))
        self.console.summary(status, reason, self.metrics, hints)
        if self.tracker is not None and (problem := self.tracker.wait(DELIVERY_SECONDS, signals.seen)):
            self.console.warn(
                f"MLflow has not taken the run ({problem}); it is complete in {self.folder}, and python -m exprun sync "
                "delivers it."
            )
        return result

    def _write_result(self, status: str, reason: str) -> None:
        note = {"status": status, "reason": reason, "metrics": self.metrics, "history": self.history}
        write_whole(self.folder / "result.json", json.dumps(note, indent=1))


def _deliver_late(config: Config, folder: Path, session: Session) -> None:
    """Bring to MLflow what it has not taken of a complete run, whose process may have died before that."""
    missing = config.tracking.name == "mlflow" and note_of(folder).get("delivered") is False
    if not missing or session.mlflow_is_away:
        return
    from exprun.tracking.sync import sync

    problems, uri = ["it did not answer in time"], tracking_uri(config.tracking.uri)
    delivery = threading.Thread(target=lambda: problems.extend(why for _, why in sync([folder], uri)), daemon=True)
    delivery.start()
    delivery.join(DELIVERY_SECONDS)
    if problems[-1]:
        session.mlflow_is_away = True
        say(f"MLflow has not taken the run in {folder} ({problems[-1]}); python -m exprun sync delivers it.")


def _checked(config: Sequence[str] | DictConfig | dict[str, Any] | Config) -> tuple[Config, list[str]]:
    """The config in its typed form, whichever way it was given, and the overrides where these were given."""
    if isinstance(config, Config):
        return config, []
    from exprun.config.compose import Composer, typed

    if isinstance(config, DictConfig | dict):
        return typed(config), []
    overrides = with_last_run(config)
    return Composer().config(overrides), overrides


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(line_length=100, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"
