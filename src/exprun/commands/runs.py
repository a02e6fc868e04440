"""`runs`: list the runs of this project, show one, compare two, repeat or continue one, judge labels, delete some."""

import argparse
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exprun.commands import Parser
from exprun.commands.page_file import announce, page_path, write_labels
from exprun.config.errors import ConfigError, RunError, printable

if TYPE_CHECKING:
    from exprun.records import Run

# The number of runs that an action needs; `labels` needs one or more, `delete` too, or conditions.
RUNS_OF = {"list": 0, "show": 1, "diff": 2, "repeat": 1, "continue": 1}
TRAIN = ("repeat", "continue")  # actions that take overrides after the run
MOST = 30  # runs that are listed for people


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun runs",
        usage="%(prog)s [--where CONDITION] [--most N] | show RUN [--open] [--html FILE] | diff RUN RUN | "
        "repeat RUN [KEY=VALUE …] | continue RUN [KEY=VALUE …] | labels RUN … [--open] [--html FILE] | "
        "delete RUN|SWEEP … --yes",
        description="List the runs of this project; show, diff, repeat, continue or delete them. `diff` prints the "
        "settings in which two runs differ, `repeat` trains a run again from its own config, `continue` trains the "
        "weights of a run further, for example with another learning rate, `labels` lists the images "
        "held out by the runs whose label is probably wrong, `delete` deletes runs and whole sweeps with "
        "their files.",
    )
    found.add_argument("action", nargs="?", default="list", choices=[*RUNS_OF, "labels", "delete"])
    found.add_argument(
        "runs", nargs="*", metavar="RUN", help="run folder, the end of its name, or last; delete also takes sweeps"
    )
    found.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="list or delete only runs that meet this condition, such as norm=batch, status=FAILED, sweep=last or "
        "'val/accuracy<0.5'",
    )
    found.add_argument("--most", type=int, metavar="N", help=f"list at most N runs (default: {MOST}; all with --json)")
    found.add_argument("--json", action="store_true", help="list, show, diff: print JSON, for programs")
    found.add_argument("--csv", action="store_true", help="list, show, diff: print CSV, for programs")
    found.add_argument("--html", metavar="FILE", help="show, labels: write the page to this file")
    found.add_argument("--open", action="store_true", help="show, labels: open the page, which is made if needed")
    found.add_argument("--yes", action="store_true", help="delete without asking")
    found.add_argument("--keep-mlflow", action="store_true", help="delete only the folders, not the runs in MLflow")
    found.add_argument("--trust", action="store_true", help="run the Python code that the config of a run names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line; after `repeat RUN` and `continue RUN`, `runs` holds the overrides too."""
    args = parser().parse_intermixed_args(words)
    _check_options(args)
    if args.action in TRAIN and args.runs and all("=" in word for word in args.runs[1:]):
        return args
    wanted = RUNS_OF.get(args.action)
    if args.action == "labels" and not args.runs:
        raise ConfigError("runs labels takes one or more runs: none is given.")
    if wanted is None and not args.runs and not args.where:
        raise ConfigError("runs delete takes runs, sweeps or --where: none is given.")
    if wanted is not None and len(args.runs) != wanted:
        needed = {0: "no run", 1: "one run", 2: "two runs"}[wanted]
        raise ConfigError(f"runs {args.action} takes {needed}, not {len(args.runs)}.")
    return args


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options that the action does not use."""
    if args.json and args.csv:
        raise ConfigError("Only one of --json and --csv can be given.")
    for option, is_given, actions in (
        ("--where", bool(args.where), ("list", "delete")),
        ("--most", args.most is not None, ("list",)),
        ("--json", args.json, ("list", "show", "diff")),
        ("--csv", args.csv, ("list", "show", "diff")),
        ("--html", args.html is not None, ("show", "labels")),
        ("--open", args.open, ("show", "labels")),
        ("--keep-mlflow", args.keep_mlflow, ("delete",)),
    ):
        if is_given and args.action not in actions:
            raise ConfigError(f"{option} applies to {', '.join(f'runs {a}' for a in actions)}, not runs {args.action}.")
    if (args.json or args.csv) and (args.open or args.html is not None):
        raise ConfigError("--html and --open print the path of a page, so they cannot be used with --json or --csv.")
    if args.html is not None:
        page_path("run", args.html)
    if args.most is not None and args.most < 1:
        raise ConfigError(f"--most is {args.most}, but must be above 0.")


def run(words: list[str]) -> int:
    """Do what is asked for; returns 1 if a run that was trained failed."""
    args = parse(words)
    from exprun import records

    match args.action:
        case "list":
            _list(args)
        case "show":
            _show(records.find_run(args.runs[0]), args)
        case "diff":
            _diff([records.find_run(name) for name in args.runs], args)
        case "repeat" | "continue":
            return _train(args.action, args.runs[0], args.runs[1:], args.trust)
        case "labels":
            _judge_labels(args)
        case "delete":
            _delete(args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from exprun import records, runs, runs_data

    matching = records.all_records(args.where)
    if args.json or args.csv:
        chosen = records.with_sweeps(matching[: args.most])
        print(runs_data.list_json(chosen) if args.json else runs_data.list_csv(chosen).rstrip("\n"))
        return
    if not matching:
        raise ConfigError(f"There is no run below outputs/{' with ' + ' '.join(args.where) if args.where else ''} yet.")
    runs.show_all(matching, args.most or MOST)


def _show(run: "Run", args: argparse.Namespace) -> None:
    from exprun import records, runs, runs_data, terminal_images

    (run,) = records.with_sweeps([run])
    if args.json or args.csv:
        print(runs_data.run_json(run) if args.json else runs_data.run_csv(run).rstrip("\n"))
        return
    runs.show(run)
    if run.config.get("pictures", True):
        terminal_images.draw(lambda: runs.small_plot(run))
    if (path := _page(run, args)) is not None:
        announce(path, args.open)


def _page(run: "Run", args: argparse.Namespace) -> Path | None:
    """The path of the run's page, which is made if that was asked for and there is none; None without one."""
    from exprun.records import NOT_ENDED
    from exprun.run_folder import RunFolder

    path = page_path("run", args.html) if args.html is not None else RunFolder(run.folder).page
    is_current = args.html is None and path.exists() and run.status != NOT_ENDED
    if not is_current and not (args.open or args.html is not None):
        return None
    if not is_current:
        from exprun.finished_page import write

        try:
            write(run, path, args.trust)
        except OSError as error:
            raise RunError(
                f"The page cannot be written to {path}: {error.strerror}; --html FILE chooses another file."
            ) from None
    return path


def _diff(pair: "Sequence[Run]", args: argparse.Namespace) -> None:
    from exprun import runs, runs_data

    if args.json or args.csv:
        print(runs_data.differences_json(*pair) if args.json else runs_data.differences_csv(*pair).rstrip("\n"))
    else:
        runs.show_differences(*pair)


def _judge_labels(args: argparse.Namespace) -> None:
    """List the labels that are probably wrong, among the images that the runs held out."""
    from exprun.config.packages import require_package

    require_package("cleanlab", "noise", "runs labels")
    from exprun import records
    from exprun.label_noise.held_out import by_runs
    from exprun.label_noise.suspects import require_one_class, suspects
    from exprun.run_folder import RunFolder

    runs = [records.find_run(name) for name in args.runs]
    config = RunFolder(runs[0].folder).read_config()
    require_one_class(config.data, "runs labels")
    found = suspects(by_runs(runs))
    command = shlex.join(["python", "-m", "exprun", "runs", "labels", *args.runs])
    path = write_labels(found, config, f"Labels of {config.data.name}", command, args.html)
    if path is not None:
        announce(path, args.open)


def _delete(args: argparse.Namespace) -> None:
    from exprun import deletion

    chosen = deletion.chosen(args.runs, args.where)
    if not args.yes:
        raise ConfigError(chosen.sentence(args.keep_mlflow))
    for name in deletion.delete(chosen, args.keep_mlflow):
        print(f"deleted {printable(name)}", flush=True)


def _train(action: str, name: str, overrides: list[str], trust: bool) -> int:
    """Train a run again from the config in its folder, or from its weights, and report how the result compares."""
    from exprun import records, runs
    from exprun.attempt import attempt
    from exprun.export import check_consent, continued, repeated
    from exprun.outputs import OUTPUTS, with_last_run
    from exprun.preflight import preflight
    from exprun.run_folder import RunFolder

    original = records.find_run(name)
    check_consent(original, trust)
    folder = OUTPUTS / "runs" / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    config = (continued if action == "continue" else repeated)(original, with_last_run(overrides), folder)
    preflight(config)
    builder = config.model.builder
    if (
        builder is not None
        and builder == original.config.get("model.builder")
        and RunFolder(original.folder).has_other_code(builder)
    ):
        print(f"{printable(original.name)} was trained with other code of {printable(builder)}.")
    outcome = attempt(config, shlex.join(["python", "-m", "exprun", "runs", action, original.name, *overrides]))
    if (trained := records.read_run(folder)) is not None:
        if action == "continue":
            runs.show_continued(original, trained)
        elif not overrides:
            runs.show_repeated(original, trained)
    return 0 if outcome.finished else 1
