"""A sweep, from its command line to its summary. The launcher that Hydra's config names starts the runs."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exprun import backend
from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, UserError, say, without_password
from exprun.config.overrides import quoted, with_forced_keys
from exprun.config.paths import user_path
from exprun.config.schema import Config
from exprun.metrics import is_better_low
from exprun.outputs import remember, run_of_sweep, runs_of_sweep
from exprun.run_folder import RunFolder
from exprun.sweep.folder import (
    FOLDS,
    LOG,
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
from exprun.sweep.launcher import Launcher, composed, guarded
from exprun.sweep.launcher import scores as scores_of
from exprun.sweep.plan import Job, Plan
from exprun.tracking.view import Charts, charts_of

if TYPE_CHECKING:
    from exprun.sweep.workers import Workers

Run = Callable[[Sequence[Job], int], list[Score]]  # runs jobs, in folders numbered from a number
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
    workers = None
    if plan is not None and not has_launcher(given):
        from exprun.sweep.sharing import choose, is_done

        workers = choose(config, plan, folder)
        if workers is not None:  # they import TensorFlow while this process imports MLflow
            workers.start(sum(not is_done(folder, number) for number in range(len(plan.jobs))))
    parent = _open_parent(config, plan, folder, factors, given, command, has_launcher(given) or workers is not None)
    shown = config.progress != "quiet"
    live = plan is not None and (config.progress == "rich" or (config.progress == "auto" and sys.stdout.isatty()))
    parent_id = ((parent and parent.tags()) or {}).get("mlflow.parentRunId", "")
    quiet = live or workers is not None
    facts = SweepContext(folder.name, factors, parent_id, quiet, plan is None, str(Path.cwd()), str(folder), options)
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
        counts = _run_all(composer, hydra, plan, given, folder, live, workers)
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
    sweeper, words = composed(hydra, composer.config_name, given).hydra.sweeper, []
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
        named = composed(hydra, composer.config_name, given)
        path = user_path(named.hydra.sweep.dir, f"{DIR}{named.hydra.sweep.dir}").resolve()
        if rerun == "always" and runs_of_sweep(path):
            raise ConfigError(f"{path} holds runs already, but sweep.rerun=always needs a new folder: name another.")
        remember(path)
        return note(path, given, options)

    return guarded(find)


def _run_all(
    composer: Composer,
    hydra: Any,
    plan: Plan | None,
    given: list[str],
    folder: Path,
    live: bool,
    workers: "Workers | None",
) -> dict[str, int]:
    """Run all runs of a sweep; returns the number of runs by state.

    Args:
        composer: the composer of the runs' configs.
        hydra: Hydra, with its launchers and sweepers.
        plan: the plan of the runs; None if a sweeper searches.
        given: the overrides of the whole sweep.
        folder: the folder of the sweep.
        live: whether a table is shown.
        workers: the processes that train the runs; None if this process does, or Hydra's launcher starts them.
    """
    if plan is None:
        earlier = _result_times(folder)
        scores = list(scores_of(guarded(lambda: hydra.multirun(composer.config_name, job, with_forced_keys(given)))))
        if scores:
            return _counted([score.state for score in scores])
        # A sweeper may not return the scores of its runs; the folders of the runs then show what happened.
        states = {
            path: "kept" if earlier.get(path) == time else "trained" for path, time in _result_times(folder).items()
        }
        runs = runs_of_sweep(folder)
        return _counted([states[run] if RunFolder(run).status == "FINISHED" else "failed" for run in runs])
    from exprun.sweep.sharing import cache_images, is_done
    from exprun.sweep.table import SweepTable

    config = plan.configs[0]
    table = SweepTable(folder, metric=config.trainer.select) if live else None
    shown = config.progress != "quiet"
    with contextlib.ExitStack() as stack:
        launcher = stack.enter_context(Launcher(composer.config_name, hydra, given, folder))
        if workers is not None:
            stack.enter_context(workers)
            workers.begin(shown and not live, composer.config_dir, composer.config_name, given)
            cache_images(plan.configs)
        stack.enter_context(table or contextlib.nullcontext())

        def run(jobs: Sequence[Job], first: int, is_new: bool = True) -> list[Score]:
            if table is not None and is_new:
                table.add(jobs, first)
            are_done = all(is_done(folder, first + place) for place in range(len(jobs)))
            if workers is None or (are_done and config.sweep.rerun != "changed"):
                return launcher.run(jobs, first)
            return workers.run(jobs, first)

        def wait(jobs: Sequence[Job], scores: list[Score], first: int) -> list[Score]:
            return _waited(lambda jobs, first: run(jobs, first, False), jobs, scores, first)

        if plan.deciding is not None:
            from exprun.sweep import decide

            scores = decide.decide(
                plan.deciding,
                folder,
                lambda jobs, first: wait(jobs, run(jobs, first), first),
                print if shown else lambda line: None,
            )
            return _counted([score.state for score in scores])
        scores = run(plan.jobs, 0)
        if plan.arms:
            scores = wait(plan.jobs, scores, 0)
            chosen, sentences = plan.chosen(scores)
            for sentence in sentences if shown else []:
                print(f"tuned: {sentence}")
            for first, jobs in chosen:
                scores += run(jobs, first)
    return _counted([score.state for score in scores])


def _result_times(folder: Path) -> dict[Path, int]:
    """The time at which each run of a sweep wrote its result, in nanoseconds since 1970, by run folder."""
    results = [RunFolder(run).result for run in runs_of_sweep(folder)]
    return {path.parent: path.stat().st_mtime_ns for path in results if path.exists()}


def _counted(states: Sequence[str]) -> dict[str, int]:
    return {state: list(states).count(state) for state in NAMES}


def _waited(run: Run, jobs: Sequence[Job], scores: list[Score], first: int = 0) -> list[Score]:
    """Wait for the jobs that another process trains; returns the scores of all jobs.

    If the other process dies, this process trains its jobs.

    Args:
        run: function that runs jobs, in folders that are numbered from a number, and returns their scores.
        jobs: the overrides of each job.
        scores: the scores so far.
        first: the number of the first job's folder.
    """
    pause = WAIT_SECONDS
    while taken := [number for number, score in enumerate(scores) if score.state == "taken"]:
        time.sleep(pause)
        pause = min(2 * pause, MAX_WAIT_SECONDS)
        for number in taken:
            scores[number : number + 1] = run([jobs[number]], first + number)
    return scores


def check_workers(config: Config, plan: Plan | None, has_launcher: bool) -> None:
    """Refuse workers where something else starts the runs.

    Args:
        config: the config of one of the runs.
        plan: the plan of the runs; None if a sweeper searches.
        has_launcher: whether one of Hydra's launchers is chosen.

    Raises:
        ConfigError: a number of workers is given together with a launcher or a search.
    """
    number = config.sweep.workers
    if number in ("auto", 1) or not (has_launcher or plan is None):
        return
    what = "hydra/launcher=… starts the runs" if has_launcher else "a search starts one run after the other"
    raise ConfigError(f"sweep.workers={number}, but {what}: leave out one of the two.")


def has_launcher(overrides: Sequence[str]) -> bool:
    """Whether a launcher is chosen, which starts the runs in other processes or on other machines."""
    return any("hydra/launcher=" in word for word in overrides)


def _open_parent(
    config: Config,
    plan: Plan | None,
    folder: Path,
    factors: list[str],
    given: list[str],
    command: str,
    elsewhere: bool,
) -> Any:
    """The parent run of the sweep in MLflow; None if nothing is logged or nothing is left to do.

    Args:
        config: the config of one of the runs.
        plan: the plan of the runs; None if a sweeper searches.
        folder: the folder of the sweep.
        factors: the keys that vary.
        given: the overrides, as typed.
        command: the command that repeats the sweep.
        elsewhere: whether other processes train the runs.
    """
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
    if not elsewhere:
        from exprun.logs import logging_to

        with logging_to(folder / LOG):
            # The runs need TensorFlow anyway, and the store opens while it is imported.
            backend.load(config.trainer.deterministic)
    return parent
