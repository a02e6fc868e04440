"""A run, from its config to its result: the whole story on one page."""

import contextlib
import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from omegaconf import DictConfig

from exprun.config.checks import check_shape
from exprun.config.errors import ConfigError, DataError, RunError, UserError, one_line
from exprun.config.schema import Config, settings
from exprun.data import Dataset, load
from exprun.input import Scaling, fit
from exprun.signals import Killed, Signals
from exprun.tracking.store import tracking_uri, without_password

if TYPE_CHECKING:
    from exprun.trainer.events import Event
    from exprun.trainer.loop import Outcome

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
DELIVERY_SECONDS = 60.0  # that the end of a run waits for a tracking server
COMPLETE = "complete already"  # the reason of a run that had nothing left to do
OWN_FILES = frozenset({"config.yaml", "result.json", "run.log", ".hydra", ".lock"})  # what makes a folder a run's
LIMITS = ("epochs", "max_steps", "max_seconds", "patience")
# What a resumed run may do otherwise than before.
FREE_ON_RESUME = {
    *(("trainer", key) for key in LIMITS),
    ("run_dir",),
    ("progress",),
    ("trainer", "resume"),
    ("trainer", "log_every"),
    ("tracking",),
    ("data", "cache"),
}


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


@dataclass
class Session:
    """What runs of one process share: loaded sets. It never changes a result."""

    datasets: dict[str, Dataset] = field(default_factory=dict)

    def dataset(self, config: Config) -> Dataset:
        """The data set of a config, loaded once."""
        key = json.dumps(asdict(config.data), sort_keys=True)
        if key not in self.datasets:
            self.datasets.clear()  # one at a time: sets are large
            self.datasets[key] = load(config.data)
        return self.datasets[key]


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
    before = preflight(config)
    if before is not None:
        return before
    folder = run_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    name = config.tracking.run_name or _name(config)
    if command is None:
        words = overrides or ["--config-dir", str(folder), f"run_dir={folder}-again"]
        command = shlex.join(["python", "-m", "exprun", *words])

    from exprun.console import Console

    with _locked(folder):
        _clear(folder)
        _write_config(config, folder)
        story = _Story(config, folder, name, command, Console(config, name, folder), session or Session())
        with _logging_to(folder / "run.log"), Signals() as signals:
            return story.tell(signals)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the same folder; the system lets go of it whatever happens."""
    with open(folder / ".lock", "w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"Another process is training in {folder}.") from None
        yield


def _clear(folder: Path) -> None:
    """Remove what an earlier start has left: its result, and without a checkpoint its figures too."""
    stale = ["result.json"]
    if not (folder / "checkpoints" / "last.npz").exists():
        stale += ["metrics.jsonl", "tracking.json"]
    for name in stale:
        (folder / name).unlink(missing_ok=True)


def _write_config(config: Config, folder: Path) -> None:
    """Write `config.yaml`: what can be composed again, without passwords."""
    found = settings(config)
    if config.tracking.uri is not None:
        found["tracking"]["uri"] = without_password(config.tracking.uri)
    (folder / "config.yaml").write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


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
            outcome = self._train(dataset, scaling, signals)
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
        for line in dataset.skipped[:5]:
            self.console.warn(f"skipped {line}")
        if len(dataset.skipped) > 5:
            self.console.warn(f"skipped {len(dataset.skipped) - 5} more files, all named in run.log")
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
        _prepare_process(config)

        from exprun.model import build
        from exprun.optim import make_optimizer
        from exprun.tracking.journal import Journal
        from exprun.trainer import device as devices
        from exprun.trainer.checkpoint import Checkpoints
        from exprun.trainer.events import RunStarted
        from exprun.trainer.loop import Loop
        from exprun.trainer.step import Step

        device = devices.choose(config.trainer)
        _set_precision(device.precision)
        with device.strategy.scope() if device.strategy else contextlib.nullcontext():
            built = build(config, dataset.image_shape, len(dataset.classes))
            scaled = device.precision == "mixed_float16"
            optimizer = make_optimizer(config.optim, built.model, built.rates, scaled, device.replicas)
            step = Step(config, built.model, optimizer, scaling, device, dataset.class_weights)
        keep = config.trainer.checkpoint and not config.trainer.dry_run
        checkpoints = Checkpoints(self.folder / "checkpoints" if keep else None)
        if not config.trainer.dry_run:
            self.listeners.insert(0, Journal(self.folder / "metrics.jsonl", config.trainer.log_every))
        self.listeners.append(self._keep_predictions)
        loop = Loop(config, dataset, step, checkpoints, self._emit, signals.seen)
        if config.trainer.resume and (self.folder / "checkpoints" / "last.npz").exists():
            loop.resume()
            self.history = loop.state.history
            self.console.say(f"{self.name}: goes on behind step {loop.state.step}")
        summary = _summary(built.model)
        (self.folder / "model.txt").write_text(summary, encoding="utf-8")
        self._emit(
            RunStarted(
                device=device.description,
                precision=device.precision,
                parameters=built.model.count_params(),
                train_images=len(dataset.train),
                steps_per_epoch=loop.steps_per_epoch,
                total_steps=loop.total_steps,
                first_step=loop.state.step,
                model_summary=summary,
                data_fingerprint=dataset.fingerprint,
            )
        )
        signals.training = True  # and beyond: what is trained is also recorded
        outcome = loop.train()
        if config.tracking.model == "keras" and outcome.status == "FINISHED" and not config.trainer.dry_run:
            _save_keras(self.folder / "model.keras", built.model, scaling)
        return outcome

    def _add_tracker(self) -> None:
        if self.config.tracking.name == "mlflow" and worker_index(self.config) == 0:
            from exprun.tracking.mlflow import MlflowTracker

            self.tracker = MlflowTracker(self.config, self.folder, self.name, self.command)
            self.listeners.append(self.tracker)

    def _keep_predictions(self, event: "Event") -> None:
        if getattr(event, "split", "") == "test":
            self.predictions = event.predictions  # type: ignore[union-attr]

    def _emit(self, event: "Event") -> None:
        for listener in self.listeners:
            listener(event)

    def _write_artifacts(self, dataset: Dataset) -> None:
        """Pictures; a run is no worse for lacking one."""
        from exprun.tracking import artifacts

        try:
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

        result = self._write_result(status, reason)
        self._emit(RunEnded(status, reason, self.metrics))
        hints = [("folder", str(self.folder))]
        if status == "KILLED" and (self.folder / "checkpoints" / "last.npz").exists():
            words = [w for w in shlex.split(self.command) if not w.startswith(("run_dir=", "trainer.resume="))]
            hints.append(("resume", shlex.join([*words, f"run_dir={self.folder}", "trainer.resume=true"])))
        if self.tracker is not None:
            uri = tracking_uri(self.config.tracking.uri)
            local = self.config.tracking.uri is None and "MLFLOW_TRACKING_URI" not in os.environ
            hints.append(("MLflow", "python -m exprun ui" if local else without_password(uri)))
        self.console.summary(status, reason, self.metrics, hints)
        if self.tracker is not None and (problem := self.tracker.wait(DELIVERY_SECONDS, signals.seen)):
            self.console.warn(f"MLflow has not taken the run ({problem}); it is complete in {self.folder}.")
        return result

    def _write_result(self, status: str, reason: str) -> RunResult:
        result = RunResult(status, reason, self.metrics, self.history, self.folder)
        note = {"status": status, "reason": reason, "metrics": self.metrics, "history": self.history}
        beside = self.folder / ".result.json"
        beside.write_text(json.dumps(note, indent=1))
        beside.replace(self.folder / "result.json")
        return result


def _checked(config: Sequence[str] | DictConfig | dict[str, Any] | Config) -> tuple[Config, list[str]]:
    """The config in its typed form, whichever way it was given, and the overrides where these were given."""
    if isinstance(config, Config):
        return config, []
    from exprun.config.compose import Composer, typed

    if isinstance(config, DictConfig | dict):
        return typed(config), []
    return Composer().config(config), list(config)


def _name(config: Config) -> str:
    """A name that tells the runs of a sweep apart at a glance."""
    norm = [] if config.model.builder else [config.norm.name]
    return "-".join([config.model.name, config.data.name, *norm, config.optim.name, str(config.seed)])


def run_folder(config: Config) -> Path:
    """The run's folder, absolute; a worker other than the first has one of its own inside it."""
    folder = Path(config.run_dir).expanduser().absolute()
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


def preflight(config: Config) -> RunResult | None:
    """Check what the config names on disk, before anything is written or TensorFlow imported.

    Returns:
        None to train, or the result of a run that has nothing left to do.

    Raises:
        ConfigError: a folder or file cannot be used.
    """
    root = config.data.root
    if root is not None and not Path(root).expanduser().exists():
        raise ConfigError(f"data.root={root} does not exist.")
    folder = run_folder(config)
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise ConfigError(f"run_dir={config.run_dir} cannot be a folder: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"run_dir={config.run_dir} cannot be written: no right to write in {there}.")
    if there == folder and not OWN_FILES.intersection(names := os.listdir(folder)) and names:
        raise ConfigError(f"run_dir={config.run_dir} holds other files and no run; name a new or empty folder.")
    return _result_before(config, folder)


def _result_before(config: Config, folder: Path) -> RunResult | None:
    """What the folder holds of an earlier start: None to train, or the result where nothing is left to do.

    Raises:
        ConfigError: it holds a run and `trainer.resume` is off, or the run had another config.
    """
    if not (folder / "config.yaml").exists():
        return None
    try:
        before = yaml.safe_load((folder / "config.yaml").read_text())
        dry = before["trainer"]["dry_run"]
        result = json.loads((folder / "result.json").read_text()) if (folder / "result.json").exists() else {}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run that cannot be read: {one_line(error)[:120]}."
        ) from None
    if dry or not ((folder / "metrics.jsonl").exists() or (folder / "checkpoints").exists()):
        return None  # nothing in it that could be lost
    if not config.trainer.resume:
        raise ConfigError(
            f"run_dir={config.run_dir} holds a run already; go on with it by trainer.resume=true, or name another."
        )
    now = settings(config)
    if (folder / "checkpoints" / "last.npz").exists():
        for key, old, new in _differences(before, now):
            raise ConfigError(
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


def _differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, Any]]:
    """Settings in which two configs differ, without those that may."""
    if path in FREE_ON_RESUME:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from _differences(old.get(key), new.get(key), (*path, key))
    elif old != new:
        yield ".".join(path), old, new


def _prepare_process(config: Config) -> None:
    """Import TensorFlow, and set what it sets once a process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.config import disable_op_determinism

    keras.utils.clear_session()
    keras.utils.set_random_seed(config.seed)
    if config.trainer.deterministic:
        tf.config.experimental.enable_op_determinism()
    else:
        disable_op_determinism()  # an earlier run of this process may have switched it on


def _set_precision(precision: str) -> None:
    import keras

    keras.mixed_precision.set_dtype_policy(precision)


def _summary(model: Any) -> str:
    lines: list[str] = []
    model.summary(line_length=100, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"


def _save_keras(path: Path, model: Any, scaling: Scaling) -> None:
    """Write the model with its input scaling inside: it takes pixels of 0 to 255 and yields logits."""
    import keras

    pixels = keras.Input(model.input_shape[1:], name="pixels")
    keras.Model(pixels, model(scaling.on_graph(pixels)), name=model.name).save(path)


class _Formatter(logging.Formatter):
    """Log lines without the passwords that libraries put into their messages."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return without_password(super().format(record))


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Python's log records and native libraries' messages in the run's log file, off the terminal."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level, others = root.level, root.handlers[:]
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with _native_stderr_to(handler.stream):
            yield
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = others, level
        handler.close()


@contextlib.contextmanager
def _native_stderr_to(file: Any) -> Iterator[None]:
    """Point file descriptor 2, to which C++ writes, at `file`; Python's own stderr stays where it was."""
    try:
        terminal = os.dup(2)
        python_is_native = sys.stderr.fileno() == 2
    except (OSError, AttributeError, ValueError):  # no such descriptor, or a stderr that is no file
        yield
        return
    before = sys.stderr
    with os.fdopen(terminal, "w", buffering=1, closefd=True) as kept:
        if python_is_native:
            sys.stderr = kept
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            kept.flush()
            os.dup2(kept.fileno(), 2)
            sys.stderr = before
