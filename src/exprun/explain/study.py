"""The command `explain`: a controlled comparison of short runs that shows why a config does not learn."""

import logging
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from exprun.config.compose import Composer
from exprun.config.errors import ConfigError, RunError, UserError, one_line, without_password
from exprun.explain.candidates import (
    AS_IT_IS,
    OTHER,
    Candidate,
    both,
    changed,
    from_groups,
    from_remedies,
    learned_by,
    remedies,
)
from exprun.explain.comparison import Study
from exprun.explain.halving import (
    ENOUGH_STEPS,
    MIN_STEPS,
    plan_last_rung,
    rungs,
    steps_of_rung,
    steps_that_fit,
    survivors,
)
from exprun.explain.references import in_words, referenced
from exprun.explain.report import Report
from exprun.explain.trials import OutOfTimeError, RunTime, Trial, Trials, TrialSession
from exprun.explain.verdict import ValidationChance, Verdict, of_changes, of_groups, summaries
from exprun.label_chance import chance_of
from exprun.logs import logging_to
from exprun.outputs import OUTPUTS
from exprun.preflight import preflight
from exprun.signals import Killed, Signals
from exprun.tracking.descriptions import plain
from exprun.tracking.parent import Outcome, Parent

log = logging.getLogger(__name__)
TIMED_STEPS = 6  # steps of the run that measures how long a step takes


def explain(
    overrides: Sequence[str],
    against: Sequence[str] | None = None,
    minutes: float = 10.0,
    seeds: int = 3,
    steps: int | None = None,
    config_dir: str | None = None,
) -> int:
    """Measure which change makes a config learn, or which group accounts for the gap between two, and report it.

    Args:
        overrides: the overrides of the config that does not learn.
        against: the overrides of another config; None to compare remedies.
        minutes: the minutes that the comparison may take.
        seeds: the number of seeds in the last rung.
        steps: the number of steps of each run in the last rung; None to choose it from the time that a step takes.
        config_dir: a folder of config files that is searched first.

    Returns:
        The exit code: 0 if a change explains the result, 1 if none does, 130 and 143 after a signal.

    Raises:
        ConfigError: the command line or a config is wrong; nothing has been written.
        DataError: the data is missing, damaged or does not fit.
        RunError: the network cannot be built, or `minutes` is too short for the comparison.
    """
    deadline = time.monotonic() + 60 * minutes
    composer = Composer(config_dir)
    study = _prepared(composer, overrides, against, minutes, seeds, steps)
    study.folder.mkdir(parents=True)
    report = Report(study, quiet=study.ends[0].config.progress == "quiet")
    trials = Trials(study.folder, TrialSession(), deadline, report.say)
    parent: Parent | None = None
    code = 0
    with logging_to(study.folder / "explain.log"), Signals() as signals:
        try:
            report.say(without_password(study.command))
            _examine(study, composer, trials.session)
            if against is None:
                _choose_remedies(study, composer)
            report.beginning()
            parent = _parent_run(study)
            trials.tags = parent.tags()
            compare(study, trials, steps)
        except OutOfTimeError as error:
            study.notes.append(f"The {minutes:g} minutes were over before {error} was measured in full.")
        except Killed as killed:
            study.notes.append(f"Stopped by {killed.name}: this is what was measured until then.")
            code = killed.exit_code
        except UserError as error:
            if parent is not None:
                parent.close("FAILED", {"exprun.reason": str(error)}, Outcome(plain(str(error))))
            raise
        signals.training = True  # so that a further signal does not interrupt the report
        return _concluded(study, trials, report, parent, code, config_dir)


def _parent_run(study: Study) -> Parent:
    """The run of the comparison in MLflow, the parent of its short runs."""
    overrides = " ".join(study.overrides)
    tags = {"exprun.explain": overrides}
    return Parent(study.ends[0].config, study.folder, f"explain {overrides}", study.command, tags)


def _concluded(
    study: Study, trials: Trials, report: Report, parent: Parent | None, code: int, config_dir: str | None
) -> int:
    """Report the verdict and record it in MLflow; returns the exit code.

    Args:
        study: the comparison.
        trials: the runs of the comparison.
        report: prints and writes the result.
        parent: the run of the comparison in MLflow; None if it was not opened.
        code: the exit code of a signal that stopped the comparison; 0 without one.
        config_dir: the folder of config files that is searched first.
    """
    verdict = judged(study, trials.done)
    files = report.end(trials.done, verdict, continuation(study, verdict, config_dir))
    if parent is not None:
        outcome = Outcome(plain(verdict.sentence), files=files)
        parent.close("KILLED" if code else "FINISHED", {"exprun.verdict": verdict.sentence}, outcome)
        report.tracked(parent.problem)
    return code or (1 if verdict.label is None else 0)


def _prepared(
    composer: Composer,
    overrides: Sequence[str],
    against: Sequence[str] | None,
    minutes: float,
    seeds: int,
    steps: int | None,
) -> Study:
    """The comparison before any data is read.

    Raises:
        ConfigError: an option or a config is wrong.
    """
    for option, value in (("--minutes", minutes), ("--seeds", seeds), ("--steps", steps)):
        if value is not None and not 0 < value <= 1e6:
            raise ConfigError(f"{option} is {value:g}, but must be above 0.")
    base = Candidate(AS_IT_IS, composer.config(overrides))
    folder = OUTPUTS / "explain" / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    command = ["python", "-m", "exprun", "explain"]
    command += ["--config-dir", composer.config_dir] if composer.config_dir else []
    command += [f"--minutes={minutes:g}", f"--seeds={seeds}", *([f"--steps={steps}"] if steps else []), *overrides]
    command += ["--against", *against] if against is not None else []
    study = Study(shlex.join(command), list(overrides), [base], minutes, seeds, folder.resolve())
    if against is not None:
        if not against:
            raise ConfigError("--against needs the overrides of another config, for example --against norm=batch.")
        study.ends.append(Candidate(OTHER, composer.config(against)))
        study.changes, study.refused = from_groups(composer, base, overrides, study.ends[1], against)
        if not study.changes and not study.refused:
            raise ConfigError(
                "The two configs do not differ in what they learn: give --against the overrides of another config."
            )
    for end in study.ends:
        if end.config.trainer.strategy == "multi_worker":
            raise ConfigError(
                "trainer.strategy=multi_worker, but explain runs in one process: choose another strategy."
            )
        preflight(replace(end.config, run_dir=str(study.folder)))
    return study


def _examine(study: Study, composer: Composer, session: TrialSession) -> None:
    """Examine the config, its data and its network before training."""
    from exprun.check import examine
    from exprun.session import Session

    config = study.ends[0].config
    watched = config
    if config.doctor.name == "none":  # `explain` needs the doctor's findings even if the runs have no doctor
        watched = composer.config(changed(study.overrides, ["doctor=watch"]))
    try:
        # A separate session, so that the doctor sees all images; it shares the data sets that are already loaded.
        study.findings = examine(watched, Session(session.datasets))
    except UserError:
        raise
    except Exception as error:  # the comparison does not need the findings
        log.exception("The check before training failed")
        study.notes.append(f"The check before training failed: {type(error).__name__}: {one_line(error)[:200]}")
    dataset = session.dataset(config)
    loss = replace(study.ends[0].config.loss, label_smoothing=0.0)  # which evaluations leave out
    chance = chance_of(dataset.val, len(dataset.classes), loss)
    study.chance = ValidationChance(chance.accuracy, chance.loss, len(dataset.val))
    if dataset.has_several:  # the references predict one class
        return
    try:
        study.references = in_words(*referenced(dataset, 60 * study.minutes))
    except Exception:  # nor does it need the references
        log.exception("The references failed")


def _choose_remedies(study: Study, composer: Composer) -> None:
    """Choose the changes to compare: the remedies that the findings name, and the usual ones."""
    texts = remedies(study.findings, study.ends[0].config)
    study.changes, study.refused = from_remedies(composer, study.ends[0], study.overrides, texts)


def compare(study: Study, trials: Trials, steps: int | None) -> None:
    """Run all rungs, each with fewer changes and more steps, the last with all seeds; then measure the best pair.

    Args:
        study: the comparison, to which notes are added.
        trials: runs the short runs.
        steps: the number of steps of each run in the last rung; None to choose it from the time that a step takes.

    Raises:
        OutOfTimeError: the time is over.
        RunError: the time is too short for the comparison.
    """
    base = study.ends[0]
    seed = base.config.seed
    study.whole = trials.steps_of(base.config)
    if not study.changes:
        return
    trials.take(base, seed, TIMED_STEPS, "pace")
    run_time, most = trials.run_time(base), steps or max(study.whole, ENOUGH_STEPS)
    planned = plan_last_rung(len(study.changes), len(study.ends), study.seeds, trials.seconds_left, run_time, most)
    if steps is None and planned.steps < MIN_STEPS:
        raise RunError(_too_short(study, run_time))
    full, remaining = steps or planned.steps, study.changes
    early = rungs(len(remaining), planned.finalists)
    for number, (_, share) in enumerate(early, 1):
        count = steps_of_rung(full, share)
        taken = [trials.take(candidate, seed, count, f"rung {number}") for candidate in [*study.ends, *remaining]]
        keep = early[number][0] if number < len(early) else planned.finalists
        labels = survivors(taken[len(study.ends) :], keep, study.chance.clear, direction(taken))
        remaining = [next(c for c in remaining if c.label == label) for label in labels]
    if steps is None:
        run_times = [trials.run_time(candidate) for candidate in [*study.ends, *remaining]]
        # The best pair is one more candidate; it is expected to take as long as the slowest one.
        slowest = [max(run_times, key=lambda run_time: run_time.step)] if planned.pair else []
        full = max(MIN_STEPS, steps_that_fit([*run_times, *slowest], study.seeds, trials.seconds_left, most))
    for candidate in [*study.ends, *remaining]:
        for offset in range(study.seeds):
            trials.take(candidate, seed + offset, full, "last rung")
    _take_pair(study, trials, remaining, full)


def _too_short(study: Study, run_time: RunTime) -> str:
    minutes, counts = study.minutes, (len(study.changes), len(study.ends), study.seeds)
    while plan_last_rung(*counts, 60 * minutes, run_time, ENOUGH_STEPS).steps < ENOUGH_STEPS:
        minutes *= 1.25
    return (
        f"--minutes={study.minutes:g} is too short, because a step takes {run_time.step:.2g} s: "
        f"use --minutes={int(minutes) + 1}, or fewer --seeds."
    )


def direction(taken: Sequence[Trial]) -> float:
    """1 to look for changes that lower the loss; -1 if the other config has the higher loss."""
    by_label = {trial.label: trial for trial in taken}
    if OTHER not in by_label or by_label[AS_IT_IS].failure:
        return 1.0
    return -1.0 if by_label[OTHER].failure or by_label[OTHER].loss > by_label[AS_IT_IS].loss else 1.0


def _take_pair(study: Study, trials: Trials, finalists: Sequence[Candidate], steps: int) -> None:
    """Measure the two best changes together, if they can be combined and there is time."""
    last = [trial for trial in trials.done if trial.stage == "last rung"]
    sign = direction(last)
    means = {row.label: row.loss.mean for row in summaries(last, study.chance.accuracy)}
    ranked = sorted(finalists, key=lambda candidate: sign * means[candidate.label])
    others = [learned_by(candidate.config) for candidate in [*study.ends, *study.changes]]
    for second in ranked[1:]:
        pair = both(study.ends[0], ranked[0], second)
        if pair is None or learned_by(pair.config) in others:
            continue
        if trials.run_time(pair).of(steps, study.seeds) > trials.seconds_left:
            study.notes.append("There was no time left to measure the best two changes together.")
            return
        study.pair = ranked[0].label, second.label
        study.changes.append(pair)
        for offset in range(study.seeds):
            trials.take(pair, study.ends[0].config.seed + offset, steps, "pair")
        return


def judged(study: Study, done: Sequence[Trial]) -> Verdict:
    """The verdict on the runs."""
    if not study.changes:
        return Verdict("There is nothing to compare: no change is left.")
    judge = of_changes if len(study.ends) == 1 else of_groups
    return judge(summaries(done, study.chance.accuracy), study.pair, study.chance)


def continuation(study: Study, verdict: Verdict, config_dir: str | None) -> str | None:
    """The command of a run with the change that explains the result; None without such a change or its overrides."""
    overrides = next((change.overrides for change in study.changes if change.label == verdict.label), None)
    if overrides is None:
        return None
    option = ["--config-dir", config_dir] if config_dir else []
    return without_password(shlex.join(["python", "-m", "exprun", *option, *changed(study.overrides, overrides)]))
