"""Execute a run, from its config to its result; `_run` contains all steps in order."""

import contextlib
import logging
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from exprun import backend, metrics
from exprun.asha import AshaPruner
from exprun.assembly import assemble
from exprun.config.errors import DataError, RunError, UserError, one_line
from exprun.config.run_name import run_name
from exprun.config.schema import Config
from exprun.config.weights import find_teacher, initial_weights
from exprun.data import Dataset
from exprun.files import sha256
from exprun.logs import logging_to
from exprun.network_interface import Interface
from exprun.outputs import remember, with_last_run
from exprun.preflight import preflight
from exprun.run_folder import RunFolder, worker_index
from exprun.run_result import RunResult
from exprun.session import Session
from exprun.signals import Killed, Signals
from exprun.text import listed
from exprun.times import Times

if TYPE_CHECKING:
    from exprun.trainer.events import Event, Listener

log = logging.getLogger(__name__)
MOST_LISTED = 20  # layers that a message lists


def run(
    config: Sequence[str] | DictConfig | dict[str, Any] | Config,
    session: Session | None = None,
    command: str | None = None,
    listeners: "Sequence[Listener]" = (),
) -> RunResult:
    """Train, evaluate and log the network that a config describes.

    Example:
        result = run(["model=vgg16", "seed=3"])
        print(result.metrics["test/accuracy"])

    Args:
        config: a list of overrides (`["model=vgg16", "seed=3"]`), a composed config, or a checked one.
        session: the session that the run shares with other runs of this process; None creates a new one.
        command: the command that repeats the run, for its record; None derives it from the config.
        listeners: functions that are called with each event of the run (`exprun.trainer.events`), after exprun's own
            listeners.

    Raises:
        ConfigError: the config is wrong; no file has been written.
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the run could not start or continue.
        Killed: a signal ended the run; the result up to there is recorded.
    """
    config, overrides = _checked(config)
    backend.check_keras()
    folder = RunFolder.of(config)
    if (complete := preflight(config)) is not None:
        from exprun.tracking.sync import upload_complete

        upload_complete(config, folder)
        return complete
    if command is None:
        words = overrides or ["--config-dir", str(folder.path), f"run_dir={folder.path}-again"]
        command = shlex.join(["python", "-m", "exprun", *words])
    with contextlib.ExitStack() as stack:
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            remember(folder.path)
            stack.enter_context(folder.locked())
            folder.clear()
            folder.write_config(config)
            stack.enter_context(logging_to(folder.log))
        except OSError as error:
            raise RunError(f"{folder.path} cannot be written: {error.strerror}.") from None
        with Signals() as signals:
            return _run(config, folder, session or Session(), command, listeners, signals)


def _run(
    config: Config,
    folder: RunFolder,
    session: Session,
    command: str,
    more_listeners: "Sequence[Listener]",
    signals: Signals,
) -> RunResult:
    """Do a run from top to bottom; its result is recorded whether the run finishes, fails or is killed."""
    from exprun.console import Console
    from exprun.run_end import RunEnd
    from exprun.tracking.follower import followers
    from exprun.tracking.inputs import write_dataset
    from exprun.tracking.predictions import Predictions

    name, first_worker, recorded = run_name(config), worker_index(config) == 0, not config.trainer.dry_run
    console, predictions = Console(config, name, folder.path), Predictions(folder)
    tracker = None
    if recorded and first_worker and config.tracking.name == "mlflow":
        from exprun.tracking.mlflow import MlflowTracker

        tracker = MlflowTracker(config, folder, name, command)
        tracker.expect()
    others = followers(config, folder, name) if recorded and first_worker else []
    listeners: list[Listener] = []

    def emit(event: "Event") -> None:
        for listener in listeners:
            listener(event)

    times, has_page = Times(), config.pictures and recorded and first_worker
    end = RunEnd(config, folder, command, console, tracker, times if has_page else None, others)
    try:
        # ---- Data ------------------------------------------------------------------------------------------------
        console.say(f"{name}: loading data={config.data.name}")
        dataset = session.dataset(config)
        console.describe(dataset, times.lap("loading"))
        if recorded:
            if config.trainer.resume and folder.can_resume:
                _check_images(folder, dataset)
            write_dataset(folder, dataset)

        # ---- Model and step --------------------------------------------------------------------------------------
        assembly = assemble(config, session)
        step, model = assembly.step, assembly.step.model

        from exprun.model.build import summary as model_summary
        from exprun.tracking.environment import Environment
        from exprun.tracking.journal import Journal
        from exprun.tracking.model import save_model
        from exprun.tracking.system import SystemMetrics
        from exprun.trainer.checkpoint import Checkpoints
        from exprun.trainer.device import computing
        from exprun.trainer.events import RunStarted
        from exprun.trainer.loop import Loop
        from exprun.trainer.memory import available, check_batch, check_evaluation

        if not step.device.gpu:  # TensorFlow reports an error if the memory of a GPU is too small
            part = config.trainer.batch_size // config.trainer.accumulate
            check_batch(model, step.device.precision, part, available())
            evaluated = max(len(split) for split in (dataset.val, dataset.test) if split is not None)
            evaluated = min(config.trainer.eval_batch_size, evaluated)
            check_evaluation(model, step.device.precision, evaluated, available())
        if assembly.loaded:
            console.say(f"{name}: weights of {listed(assembly.loaded, MOST_LISTED)} from {config.model.weights}")
        folder.summary.write_text(model_summary(model), encoding="utf-8")
        if recorded:
            interface = Interface.of(assembly.dataset, assembly.scaling)
            interface.write(folder)

        # ---- Loop, resumed from a checkpoint or not --------------------------------------------------------------
        checkpoints = Checkpoints(folder.checkpoints if config.trainer.checkpoint and recorded else None)
        lower = metrics.is_better_low(config.trainer.select)
        pruner = AshaPruner(folder.path, lower) if config.sweep.prune == "asha" else None
        loop = Loop(assembly.config, assembly.dataset, step, checkpoints, folder.profile, emit, signals.seen, pruner)
        if config.trainer.resume and folder.can_resume:
            loop.resume()
            if checkpoints.damaged:
                console.warn(f"{checkpoints.damaged} The checkpoint before it is used.")
            console.say(f"{name}: resuming after step {loop.state.step}")
        elif config.trainer.resume:
            console.say(f"{name}: nothing to resume in {folder.path}, so it starts at step 0")
        end.history = loop.state.history

        # ---- Listeners, in the order in which they get each event ------------------------------------------------
        doctor = None
        if config.doctor.name == "watch" and first_worker:
            from exprun.run_doctor import RunDoctor

            doctor = RunDoctor(config, assembly, folder, emit)
        journal = Journal(folder.journal, config.trainer.log_every) if recorded else None
        listeners += [
            listener
            for listener in (
                times,
                Environment(folder, command, config.model.builder) if recorded else None,
                journal,
                SystemMetrics(journal) if journal is not None and config.tracking.system_metrics else None,
                console,
                tracker,
                *others,
                predictions,
                times.timed("doctor", doctor) if doctor is not None else None,
                *more_listeners,
            )
            if listener is not None
        ]

        # ---- Train, validate, test -------------------------------------------------------------------------------
        emit(
            RunStarted(
                device=step.device.description,
                precision=step.device.precision,
                parameters=model.count_params(),
                steps_per_epoch=loop.steps_per_epoch,
                total_steps=loop.total_steps,
                first_step=loop.state.step,
                data_fingerprint=assembly.dataset.fingerprint,
                weights_fingerprint=_weights_fingerprint(config, model.input_shape[1:3]),
                teacher_fingerprint=_teacher_fingerprint(config.model.teacher),
                classes=len(dataset.classes),
                val_images=len(dataset.val),
                test_images=len(dataset.test) if dataset.test is not None else 0,
                computing=computing(),
            )
        )
        signals.training = True  # from now on a signal ends the loop, and the result so far is recorded
        outcome = loop.train()

        # ---- Record ----------------------------------------------------------------------------------------------
        end.metrics, end.recall = outcome.metrics, predictions.worst(dataset)
        if outcome.status == "FINISHED" and recorded:
            try:
                save_model(config, folder, model, interface, dataset.val)
            except Exception as error:  # a run without the file of its model is still complete
                log.exception("The model could not be written")
                console.warn(f"The model could not be written (tracking.model): {one_line(error)[:160]}")
        if outcome.status != "KILLED":
            trained = model if outcome.status == "FINISHED" else None
            end.draw(predictions, dataset, trained, step.preprocessing.evaluation)
        del loop, checkpoints, assembly, step, model  # frees the images on the device before MLflow is waited for
        if outcome.status != "KILLED" and recorded:
            try:
                predictions.write(dataset)
            except OSError as error:
                console.warn(f"{folder.predictions} could not be written: {error.strerror}.")
    except Killed as killed:
        end.write_result("KILLED", f"stopped by {killed.name}")
        end.write_page()
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {one_line(error)[:300]}"
        log.exception("The run failed")
        signals.training = True  # a signal must not interrupt the record of the failure
        end.report("FAILED", reason, signals, listeners)
        raise
    result = end.report(outcome.status, outcome.reason, signals, listeners)
    if killed_by := signals.seen():
        raise Killed(killed_by)
    return result


def _check_images(folder: RunFolder, dataset: Dataset) -> None:
    """Refuse to resume a run on other images or splits: images that were trained on could be validation images now.

    Raises:
        DataError: the fingerprint of the images is not that of the run in the folder.
    """
    earlier = folder.read_dataset().get("fingerprint", dataset.fingerprint)
    if earlier != dataset.fingerprint:
        raise DataError(
            f"{folder.path} was trained on other images or splits (fingerprint {earlier[:12]}, and now "
            f"{dataset.fingerprint[:12]}): restore the files to resume it, or name another run_dir to start a new run."
        )


def _weights_fingerprint(config: Config, size: tuple[int, int]) -> str:
    """The SHA-256 of the file with the initial weights, in hex; empty without one.

    Args:
        config: the config of the run.
        size: the height and width of the network's input.
    """
    path = initial_weights(config.model, size)
    return sha256(path) if path is not None else ""


def _teacher_fingerprint(teacher: str | None) -> str:
    """The SHA-256 of a teacher's weights, in hex; empty without one."""
    return sha256(RunFolder(find_teacher(teacher)).checkpoint("best")) if teacher else ""


def _checked(config: Sequence[str] | DictConfig | dict[str, Any] | Config) -> tuple[Config, list[str]]:
    """The typed config, and the overrides if the config was given as a list of overrides."""
    if isinstance(config, Config):
        return config, []
    from exprun.config.compose import Composer, typed

    if isinstance(config, DictConfig | dict):
        return typed(config), []
    overrides = with_last_run(config)
    return Composer().config(overrides), overrides
