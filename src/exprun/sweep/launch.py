"""A sweep, from its command line to its summary. The launcher that Hydra's config names starts the runs."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprun import backend
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, RunError, UserError, one_line, say, without_password
from exprun.config.overrides import quoted, with_forced_keys
from exprun.config.paths import user_path
from exprun.config.schema import Config
from exprun.metrics import is_better_low
from exprun.outputs import remember, run_of_sweep, runs_of_sweep
from exprun.run_folder import RunFolder
from exprun.sweep.folder import (
    FOLDS,
    NAMES,
    SEED,
    STOPPED,
    SweepContext,
    another_process_trains,
    check_run,
    note,
    sweep_folder,
)
from exprun.sweep.job import WAIT_SECONDS, Score, job
from exprun.sweep.plan import Job, Plan
from exprun.tracking.view import Charts, charts_of

if TYPE_CHECKING:
    from exprun.sweep.table import SweepTable

DIR = "hydra.sweep.dir="
MAX_WAIT_SECONDS = 30.0  # longest pause before this process checks again a run that another process trains


def sweep(
    composer: Composer,
    hydra: Any,
    plan: Plan | None,
    config: Config,
    given: list[str],
    own: list[str],
    options: str,
) -> int:
    """Run all runs of a sweep that are not complete yet, and print a summary; returns the exit code.

    Args:
        composer: the composer of the runs' configs.
        hydra: Hydra, with its launchers and sweepers.
        plan: the plan of the runs; None if a sweeper searches.
        config: the config of one of the runs.
        given: the overrides, as typed.
        own: the overrides that exprun adds for Hydra's own settings.
        options: the options before the overrides, such as `--config-dir`, as typed.
    """
    is_search = "hydra/sweeper=optuna" in given
    direction = search_direction(config, given) if is_search else []
    folder = _folder(composer, hydra, plan, config, given, options)
    has_run_dir = "run_dir" in composer.keys_of(given)
    for number, run_config in enumerate(plan.configs if plan is not None and not has_run_dir else ()):
        check_run(run_config, folder / str(number), has_launcher(given))
    (folder / STOPPED).unlink(missing_ok=True)
    factors = composer.factors(given) if plan is None else plan.factors
    command = shlex.join(["python", "-m", "exprun", "-m", *shlex.split(options), *given])
    parent = _open_parent(config, plan, folder, factors, given, command)
    shown = config.progress != "quiet"
    live = plan is not None and (config.progress == "rich" or (config.progress == "auto" and sys.stdout.isatty()))
    parent_id = ((parent and parent.tags()) or {}).get("mlflow.parentRunId", "")
    facts = SweepContext(folder.name, factors, parent_id, live, plan is None, str(Path.cwd()), str(folder), options)
    added = [f"+hydra.job.env_set.{name}={quoted(text)}" for name, text in facts.environment().items()]
    if is_search:
        added += [*direction, *_search_settings(composer, hydra, config, given)]
    if any("hydra.launcher.ray.init.address=" in word for word in given):
        # A cluster that is running already has its own object store, and Ray refuses a size for it.
        added.append("+hydra.launcher.ray.init.object_store_memory=null")
    given = [word for word in given if not word.lstrip("+").startswith(DIR)]
    given += [*own, "hydra.mode=MULTIRUN", f"{DIR}{quoted(str(folder))}", *added]
    status, summary = "KILLED", ""
    try:
        counts = _run_all(composer, hydra, plan, given, folder, live)
        status = "FAILED" if counts["failed"] else "FINISHED"
        summary = ", ".join(f"{count} {NAMES[state]}" for state, count in counts.items() if count)
    except UserError:
        status = "FAILED"
        raise
    finally:
        # If several processes share the sweep, the last one closes the parent run.
        if parent is not None and not another_process_trains(folder):
            from exprun.sweep.outcome import outcome

            tags = ({"exprun.runs": summary} if summary else {}) | _verdict(plan, folder)
            parent.close(status, tags, outcome(folder, status, summary))
            if parent.problem:
                say(f"MLflow has not received the run of the sweep ({parent.problem}).")
    total = sum(counts.values())
    if shown and total:
        print(f"sweep: {total} runs: {summary}.")
        if total > counts["failed"] + 1:
            print(f"  compare  python -m exprun compare {shlex.quote(os.path.relpath(folder))}")
        if charts := charts_of(folder):
            print(f"  charts   {charts}")
    if counts["stopped"]:
        say("the sweep was stopped because a run failed (sweep.on_failure=stop).")
    if counts["failed"]:
        say(f"{counts['failed']} of {total} runs failed.")
    return 1 if counts["failed"] else 0


def _verdict(plan: Plan | None, folder: Path) -> dict[str, str]:
    """The verdict of a deciding sweep as a tag of its parent run; empty without one."""
    if plan is None or plan.deciding is None:
        return {}
    from exprun.sweep.decide import verdict_of

    return {"exprun.decided": text} if (text := verdict_of(folder)) else {}


def _search_settings(composer: Composer, hydra: Any, config: Config, given: list[str]) -> list[str]:
    """Overrides that let an Optuna search continue after failed runs, and propose the same runs when repeated."""
    composed = _composed(hydra, composer.config_name, given)
    sweeper, words = composed.hydra.sweeper, []
    if not any("hydra.sweeper.max_failure_rate" in word for word in given):
        words.append("hydra.sweeper.max_failure_rate=1.0")
    if "seed" in sweeper.sampler and sweeper.sampler.seed is None:
        words.append(f"hydra.sweeper.sampler.seed={config.seed}")
    return words


def search_direction(config: Config, given: Sequence[str]) -> list[str]:
    """The override for the direction of an Optuna search, which follows from `trainer.select`; empty if it is given.

    Args:
        config: the config of one of the runs.
        given: the overrides, as typed.

    Raises:
        ConfigError: another direction is given.
    """
    select, key = config.trainer.select, "hydra.sweeper.direction"
    direction = "minimize" if is_better_low(select) else "maximize"
    chosen = [word.lstrip("+").partition("=")[2] for word in given if word.lstrip("+").startswith(f"{key}=")]
    if chosen and chosen[-1] != direction:
        raise ConfigError(
            f"{key}={chosen[-1]} does not fit trainer.select={select}, the metric of the search: leave it out, or "
            f"write {key}={direction}."
        )
    return [] if chosen else [f"{key}={direction}"]


def _folder(composer: Composer, hydra: Any, plan: Plan | None, config: Config, given: list[str], options: str) -> Path:
    """The folder of the sweep: the one named in the overrides, the one of the same command, or a new one."""

    def find() -> Path:
        rerun = config.sweep.rerun
        if not any(word.lstrip("+").startswith(DIR) for word in given):
            return sweep_folder(given, options, rerun)
        named = _composed(hydra, composer.config_name, given)
        path = user_path(named.hydra.sweep.dir, f"{DIR}{named.hydra.sweep.dir}").resolve()
        if rerun == "always" and runs_of_sweep(path):
            raise ConfigError(f"{path} holds runs already, but sweep.rerun=always needs a new folder: name another.")
        remember(path)
        return note(path, given, options)

    return _guarded(find)


def _run_all(
    composer: Composer, hydra: Any, plan: Plan | None, given: list[str], folder: Path, live: bool
) -> dict[str, int]:
    """Run all runs of a sweep; returns the number of runs by state.

    Args:
        composer: the composer of the runs' configs.
        hydra: Hydra, with its launchers and sweepers.
        plan: the plan of the runs; None if a sweeper searches.
        given: the overrides of the whole sweep.
        folder: the folder of the sweep.
        live: whether a table is shown.
    """
    if plan is None:
        earlier = _result_times(folder)
        scores = list(_scores(_guarded(lambda: hydra.multirun(composer.config_name, job, with_forced_keys(given)))))
        if scores:
            return _counted([score.state for score in scores])
        # A sweeper may not return the scores of its runs; the folders of the runs then show what happened.
        states = {
            path: "kept" if earlier.get(path) == time else "trained" for path, time in _result_times(folder).items()
        }
        runs = runs_of_sweep(folder)
        return _counted([states[run] if RunFolder(run).status == "FINISHED" else "failed" for run in runs])
    from exprun.sweep.table import SweepTable

    table = SweepTable(folder, metric=plan.configs[0].trainer.select) if live else None
    with table or contextlib.nullcontext(), _Launcher(composer, hydra, given, folder) as launcher:
        shown = plan.configs[0].progress != "quiet"
        if plan.deciding is not None:
            from exprun.sweep import decide

            scores = decide.decide(
                plan.deciding,
                folder,
                lambda jobs, first: launcher.wait(jobs, launcher.run(jobs, first, table), first),
                print if shown else lambda line: None,
            )
            return _counted([score.state for score in scores])
        scores = launcher.run(plan.jobs, 0, table)
        if plan.arms:
            scores = launcher.wait(plan.jobs, scores)
            chosen, sentences = plan.chosen(scores)
            for sentence in sentences if shown else []:
                print(f"tuned: {sentence}")
            for first, jobs in chosen:
                scores += launcher.run(jobs, first, table)
    return _counted([score.state for score in scores])


def _result_times(folder: Path) -> dict[Path, int]:
    """The time at which each run of a sweep wrote its result, in nanoseconds since 1970, by run folder."""
    results = [RunFolder(run).result for run in runs_of_sweep(folder)]
    return {path.parent: path.stat().st_mtime_ns for path in results if path.exists()}


def _composed(hydra: Any, config_name: str, overrides: list[str]) -> Any:
    """The composed config of a multirun, with its node `hydra`."""
    from hydra.types import RunMode

    return hydra.compose_config(
        config_name, with_forced_keys(overrides), RunMode.MULTIRUN, with_log_configuration=False
    )


def _counted(states: Sequence[str]) -> dict[str, int]:
    return {state: list(states).count(state) for state in NAMES}


class _Launcher:
    """Hydra's launcher, which runs lists of jobs and calls Hydra's callbacks before and after them."""

    def __init__(self, composer: Composer, hydra: Any, given: list[str], folder: Path) -> None:
        from hydra._internal.callbacks import Callbacks
        from hydra.core.plugins import Plugins
        from hydra.types import HydraContext
        from omegaconf import OmegaConf

        self.name = composer.config_name
        self.config = _composed(hydra, self.name, given)
        text = OmegaConf.to_yaml(self.config)
        (folder / "multirun.yaml").write_text(without_password(text), encoding="utf-8")
        self.callbacks = Callbacks(self.config)
        context = HydraContext(config_loader=hydra.config_loader, callbacks=self.callbacks)
        make = Plugins.instance().instantiate_launcher
        self.launcher = _guarded(lambda: make(hydra_context=context, task_function=job, config=self.config))

    def __enter__(self) -> "_Launcher":
        self.callbacks.on_multirun_start(config=self.config, config_name=self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self.callbacks.on_multirun_end(config=self.config, config_name=self.name)

    def run(self, jobs: Sequence[Job], first: int, table: "SweepTable | None" = None) -> list[Score]:
        """Run jobs, in folders that are numbered from `first`; returns their scores."""
        if not jobs:
            return []
        if table is not None:
            table.add(jobs, first)
        words = [with_forced_keys(job) for job in jobs]
        return list(_scores(_guarded(lambda: self.launcher.launch(words, initial_job_idx=first))))

    def wait(self, jobs: Sequence[Job], scores: list[Score], first: int = 0) -> list[Score]:
        """Wait for the jobs that another process trains; returns the scores of all jobs.

        If the other process dies, this process trains its jobs.

        Args:
            jobs: the overrides of each job.
            scores: the scores so far.
            first: the number of the first job's folder.
        """
        pause = WAIT_SECONDS
        while taken := [number for number, score in enumerate(scores) if score.state == "taken"]:
            time.sleep(pause)
            pause = min(2 * pause, MAX_WAIT_SECONDS)
            for number in taken:
                scores[number : number + 1] = self.run([jobs[number]], first + number)
        return scores


def _guarded(start: Callable[[], Any]) -> Any:
    """Call a function of Hydra, and turn errors of Hydra and its plug-ins into user errors; returns the result."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return start()
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(one_line(error)[:500]) from None
    except Exception as error:  # a launcher's workers and clusters can fail in any way
        if isinstance(error, OSError) and error.filename:
            raise RunError(f"{error.filename} cannot be written: {error.strerror}.") from None
        text = one_line(error)[:300]
        raise RunError(
            f"the launcher or sweeper failed: {type(error).__name__}{f': {text}' if text else ''}."
        ) from None


def _scores(returned: Any) -> Iterator[Score]:
    """The scores that the jobs returned, from Hydra's nested lists; none if the sweeper does not return them."""
    if isinstance(returned, list | tuple):
        for inner in returned:
            yield from _scores(inner)
    elif returned is not None and isinstance(value := returned.return_value, Score):
        yield value


def has_launcher(overrides: Sequence[str]) -> bool:
    """Whether a launcher is chosen, which starts the runs in other processes or on other machines."""
    return any("hydra/launcher=" in word for word in overrides)


def _open_parent(
    config: Config, plan: Plan | None, folder: Path, factors: list[str], given: list[str], command: str
) -> Any:
    """The parent run of the sweep in MLflow; None if nothing is logged or nothing is left to do."""
    numbers = range(len(plan.jobs) if plan is not None else 0)
    done = plan is not None and not plan.in_parts and config.sweep.rerun != "changed"
    done = done and RunFolder(folder).read_tracking().get("delivered") is True
    done = done and all(RunFolder(run_of_sweep(folder, number)).status == "FINISHED" for number in numbers)
    if config.tracking.name != "mlflow" or done:
        return None
    from exprun.tracking.parent import Parent

    tags = {"exprun.sweep": folder.name, "exprun.factors": ", ".join(factors)}
    vary = [word for word in given if word.split("=")[0].lstrip("+") in (*factors, SEED, *FOLDS)]
    charts = Charts(factors, is_grouped=plan is not None, stage="compared" if plan is not None and plan.arms else "")
    name = f"sweep {without_password(' '.join(vary or given))}"
    parent = Parent(config, folder, name, command, tags, charts)
    if not has_launcher(given):
        from exprun.logs import logging_to

        with logging_to(folder / "sweep.log"):
            # The runs need TensorFlow anyway, and the store opens while it is imported.
            backend.load(config.trainer.deterministic)
    return parent
