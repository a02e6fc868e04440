"""`compare`: report which setting is better, with intervals over seeds or folds."""

import argparse
import math
import shlex
from pathlib import Path

from exprun.commands import Parser
from exprun.config.errors import ConfigError, RunError
from exprun.config.paths import user_path


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun compare",
        description="Report which setting is better, with intervals over seeds or folds, and what is unfair. "
        "Writes one HTML file.",
    )
    found.add_argument(
        "places", nargs="*", metavar="FOLDER", help="folders of runs or sweeps (default: the last sweep)"
    )
    found.add_argument(
        "--by",
        metavar="KEY,KEY",
        help="factors to compare (default: all settings that vary, except the seed and the fold)",
    )
    found.add_argument(
        "--metric",
        "--figure",
        metavar="NAME",
        help="final metric to compare (default: val/accuracy, or the metric by which a deciding sweep decided); "
        "--figure is the old name of this option",
    )
    found.add_argument(
        "--contrast",
        metavar="'A against B'",
        action="append",
        default=[],
        help="only this difference, for example 'norm=batch,optim=rmsprop against norm=none,optim=rmsprop'; can be "
        "given several times",
    )
    found.add_argument(
        "--margin",
        metavar="SIZE",
        help="also test whether differences are smaller than this: points for percentages such as accuracies, else "
        "units of the metric",
    )
    found.add_argument(
        "--where",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only runs that meet this condition, such as norm=batch or 'val/accuracy>0.5'",
    )
    found.add_argument("--experiment", metavar="NAME", help="runs of this MLflow experiment instead of folders")
    found.add_argument("--filter", metavar="CONDITION", help="only runs that match this MLflow filter")
    found.add_argument("--uri", help="MLflow store (default: MLFLOW_TRACKING_URI, or outputs/mlflow.db)")
    found.add_argument("--html", metavar="FILE", help="path of the report (default: report.html next to the first run)")
    found.add_argument("--json", action="store_true", help="print JSON instead of the table")
    found.add_argument("--csv", action="store_true", help="print CSV, one line for each run, instead of the table")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    args.margin = _margin(args.margin)
    if args.json and args.csv:
        raise ConfigError("Only one of --json and --csv can be given.")
    if args.experiment is None and (args.filter is not None or args.uri is not None):
        raise ConfigError("--filter and --uri apply to runs of an MLflow experiment: add --experiment NAME.")
    if args.experiment is not None and args.places:
        raise ConfigError("Only one of --experiment and folders can be given.")
    return args


def _margin(text: str | None) -> float | None:
    """The margin of `--margin`; None without one."""
    if text is None:
        return None
    try:
        margin = float(text)
    except ValueError:
        margin = math.nan
    if not (math.isfinite(margin) and margin > 0):
        raise ConfigError(f"--margin {text}: it must be a number above 0, such as 0.5 for half a point of accuracy.")
    return margin


def run(words: list[str]) -> int:
    """Print the comparison as a table, JSON or CSV, and write the report."""
    args = parse(words)
    from exprun.compare import report
    from exprun.compare.analysis import analyse
    from exprun.compare.selection import select
    from exprun.outputs import LAST
    from exprun.tracking.view import charts_of

    if args.experiment is not None:
        from exprun.compare import remote

        runs = remote.select(args.experiment, args.filter or "", args.where, args.uri)
    else:
        runs = select(args.places or [LAST], args.where)
    by = [key for key in args.by.split(",") if key] if args.by else None
    analysis = analyse(runs, by, args.metric, args.contrast, args.margin)
    folder = runs[0].folder.parent if runs[0].folder.parent.is_dir() else Path()
    page = user_path(args.html, f"--html {args.html}") if args.html else folder / "report.html"
    if args.json:
        print(report.as_json(analysis))
    elif args.csv:
        print(report.as_csv(analysis), end="")
    else:
        report.show(analysis)
    try:
        report.write_page(analysis, page, shlex.join(["python", "-m", "exprun", "compare", *words]))
    except OSError as error:
        raise RunError(f"The report cannot be written to {page}: {error.strerror}.") from None
    if not (args.json or args.csv):
        print(f"report: {page}")
        if charts := charts_of(folder):
            print(f"charts: {charts}")
    return 0
