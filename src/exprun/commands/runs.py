"""`runs`: list the runs of this project, show one run, compare two, repeat one, or delete some."""

import argparse
import shlex
from datetime import datetime

from exprun.commands import Parser
from exprun.config.errors import ConfigError, printable

RUNS_OF = {"list": 0, "show": 1, "diff": 2, "repeat": 1}  # number of runs that an action needs; `delete`: one or more


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun runs",
        usage="%(prog)s [--where KEY=VALUE] [--most N] | show RUN | diff RUN RUN | repeat RUN [KEY=VALUE …] | "
        "delete RUN … --yes",
        description="List the runs of this project; show, diff, repeat or delete them. `diff` prints the settings in "
        "which two runs differ, `repeat` trains a run again from its own config, `delete` deletes runs with their "
        "files.",
    )
    found.add_argument("action", nargs="?", default="list", choices=["list", "show", "diff", "repeat", "delete"])
    found.add_argument("runs", nargs="*", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument(
        "--where", metavar="KEY=VALUE", action="append", default=[], help="list only runs with this setting"
    )
    found.add_argument("--most", type=int, default=30, metavar="N", help="list at most N runs (default: 30)")
    found.add_argument("--yes", action="store_true", help="delete without asking")
    found.add_argument("--trust", action="store_true", help="repeat a run whose config names Python code")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line; after `repeat RUN`, `runs` holds the overrides too."""
    args = parser().parse_intermixed_args(words)
    wanted = RUNS_OF.get(args.action)
    if args.action == "repeat" and args.runs and all("=" in word for word in args.runs[1:]):
        return args
    if (wanted is not None and len(args.runs) != wanted) or not (args.runs or args.action == "list"):
        needed = {0: "no run", 1: "one run", 2: "two runs", None: "one or more runs"}[wanted]
        raise ConfigError(f"runs {args.action} takes {needed}, not {len(args.runs)}.")
    if args.most < 1:
        raise ConfigError(f"--most is {args.most}, but must be above 0.")
    return args


def run(words: list[str]) -> int:
    """List, show, diff, repeat or delete runs; returns 1 if a repeated run failed."""
    args = parse(words)
    from exprun import records, runs

    match args.action:
        case "list":
            _list(args.where, args.most)
        case "show":
            runs.show(records.find_run(args.runs[0]))
        case "diff":
            runs.show_differences(*[records.find_run(name) for name in args.runs])
        case "repeat":
            return _repeat(args.runs[0], args.runs[1:], args.trust)
        case "delete":
            _delete(args.runs, args.yes)
    return 0


def _list(where: list[str], most: int) -> None:
    from exprun import records, runs

    if not (matching := records.all_records(where)):
        raise ConfigError(f"There is no run below outputs/{' with ' + ' '.join(where) if where else ''} yet.")
    runs.show_all(matching, most)


def _delete(names: list[str], sure: bool) -> None:
    from exprun import records, runs

    chosen = [records.find_run(name) for name in names]
    if not sure:
        raise ConfigError(f"This deletes {', '.join(run.name for run in chosen)} with all files: add --yes.")
    for run in chosen:
        runs.delete(run)
        print(f"deleted {printable(run.name)}")


def _repeat(name: str, overrides: list[str], trust: bool) -> int:
    """Train a run again from the config in its folder, and report whether the result is the same."""
    from exprun import records, runs
    from exprun.attempt import attempt
    from exprun.export import check_consent, repeated
    from exprun.outputs import OUTPUTS, with_last_run
    from exprun.preflight import preflight
    from exprun.run_folder import RunFolder

    original = records.find_run(name)
    check_consent(original, trust)
    folder = OUTPUTS / "runs" / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    config = repeated(original, with_last_run(overrides), folder)
    preflight(config)
    builder = config.model.builder
    if (
        builder is not None
        and builder == original.config.get("model.builder")
        and RunFolder(original.folder).has_other_code(builder)
    ):
        print(f"{printable(original.name)} was trained with other code of {printable(builder)}.")
    outcome = attempt(config, shlex.join(["python", "-m", "exprun", "runs", "repeat", original.name, *overrides]))
    if (repeat := records.read_run(folder)) is not None and not overrides:
        runs.show_repeated(original, repeat)
    return 0 if outcome.finished else 1
