"""`evaluate`: measure the network of a run on other labelled images."""

import argparse
import csv
import io
import math
from typing import TYPE_CHECKING, Any

from exprun import metrics as names
from exprun.commands import Parser, without_logs
from exprun.config.errors import ConfigError, safe, say

if TYPE_CHECKING:
    from exprun.evaluate import Evaluation
    from exprun.records import Run

CLASSES_SHOWN = 30  # classes in the table; of more, those with the lowest recall are shown
NAMED = 5  # files that are named one by one if they cannot be read


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun evaluate",
        description="Measure the network of a run on other labelled images. The weights are those that validation "
        "chose. The exit code is 1 if an image cannot be read.",
    )
    found.add_argument("run", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument(
        "data",
        metavar="DATA",
        help="folder with a folder of images for each class, or with splits, whose test images are measured; a CSV or "
        ".npz file with the columns or arrays of the run; or an option of data, such as mnist",
    )
    found.add_argument("--json", action="store_true", help="print JSON instead of tables")
    found.add_argument("--csv", action="store_true", help="print CSV, one line for each metric, instead of tables")
    found.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    if args.json and args.csv:
        raise ConfigError("Only one of --json and --csv can be given.")
    return args


def run(words: list[str]) -> int:
    """Print the metrics; returns 1 if an image cannot be read."""
    args = parse(words)
    from exprun import evaluate
    from exprun.data.folder import summary
    from exprun.export import check_consent
    from exprun.records import find_run
    from exprun.text import json_text

    of_run = find_run(args.run)
    check_consent(of_run, args.trust)
    data = evaluate.find(of_run, args.data)
    if data.left_out:
        say(f"{summary(data.left_out)}.")
    with without_logs():
        found = evaluate.evaluate(of_run, data)
    for line in found.unreadable[:NAMED]:
        say(f"{line}.")
    if len(found.unreadable) > NAMED:
        say(f"{len(found.unreadable) - NAMED} more images cannot be read.")
    if args.json:
        print(json_text(facts(of_run, found)))
    elif args.csv:
        print(as_csv(found), end="")
    else:
        show(of_run, found)
    return 1 if found.unreadable else 0


def facts(run: "Run", found: "Evaluation") -> dict[str, Any]:
    """The evaluation as plain values, for JSON."""
    return {
        "run": run.name,
        "data": found.data,
        "images": found.images,
        "metrics": {
            name: {"value": value, **_ends(found.intervals.get(name))} for name, value in found.metrics.items()
        },
        "classes": [
            {
                "class": name,
                "images": int(found.each.images[number]),
                "predicted": int(found.each.predicted[number]),
                "recall": _of_class(found, names.RECALL, number),
                "precision": _of_class(found, names.PRECISION, number),
                "f1": float(found.each.f1[number]),
            }
            for number, name in enumerate(found.classes)
        ],
        "warnings": found.warnings,
        "unreadable": found.unreadable,
    }


def as_csv(found: "Evaluation") -> str:
    """The evaluation as CSV: the name, the value and the interval of each metric; recall and precision by class."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["metric", "class", "value", "low", "high", "images"])
    for name, value in found.metrics.items():
        low, high = found.intervals.get(name, ("", ""))
        table.writerow([name, "", value, low, high, found.images])
    for metric, counts in ((names.RECALL, found.each.images), (names.PRECISION, found.each.predicted)):
        for number, name in enumerate(found.classes):
            values = _of_class(found, metric, number).values()
            table.writerow([metric, name, *("" if math.isnan(value) else value for value in values), counts[number]])
    return text.getvalue()


def _of_class(found: "Evaluation", metric: str, number: int) -> dict[str, float]:
    """The value of a metric of a class and the ends of its interval; NaN if it is not defined."""
    return {"value": float(getattr(found.each, metric)[number]), **_ends(found.interval_of_class(metric, number))}


def _ends(interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}


def show(run: "Run", found: "Evaluation") -> None:
    """Print a table of the metrics, a table of the classes, and the warnings."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from exprun.text import plural

    out = Console(highlight=False, soft_wrap=True)
    out.print(safe(f"{run.name} on {found.data}: {plural(found.images, 'image')}"))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for heading in ("value", "95 %", "test images of the run"):
        table.add_column(heading, justify="right")
    for name, value in found.metrics.items():
        own = run.metrics.get(f"test/{name}", math.nan)
        cells = (_text(name, value), _range(found.intervals.get(name)), _text(name, own))
        table.add_row(names.heading(name), *cells)
    out.print(table)
    _show_classes(found, out)
    for warning in found.warnings:
        out.print(f"[yellow]warning[/]: {safe(warning)}")


def _show_classes(found: "Evaluation", out: Any) -> None:
    """Print the table of the classes that have images."""
    import numpy as np
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    present = np.flatnonzero(found.each.images + found.each.predicted)
    shown = present
    if len(present) > CLASSES_SHOWN:
        shown = present[np.argsort(np.nan_to_num(found.each.recall[present], nan=2.0), kind="stable")[:CLASSES_SHOWN]]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("class", overflow="fold")
    for heading in ("images", "recall", "95 %", "precision", "95 %", "F1"):
        table.add_column(heading, justify="right")
    for number in shown.tolist():
        cells = [f"{found.each.images[number]:,}"]
        for metric in (names.RECALL, names.PRECISION):
            value = float(getattr(found.each, metric)[number])
            cells += [_text(metric, value), _range(found.interval_of_class(metric, number))]
        table.add_row(safe(found.classes[number]), *cells, _text(names.MACRO_F1, float(found.each.f1[number])))
    out.print(table)
    if len(shown) < len(present):
        out.print(f"The {len(shown)} of {len(present):,} classes with the lowest recall; --csv prints all.")


def _text(name: str, value: float) -> str:
    """The value of a metric as text."""
    if math.isnan(value):
        return "–"
    return f"{value:.1%}" if names.is_percentage(f"test/{name}") else f"{value:.4f}"


def _range(interval: tuple[float, float] | None) -> str:
    """An interval of a share as text."""
    if interval is None or math.isnan(interval[0]):
        return "–"
    return f"{interval[0]:.1%} to {interval[1]:.1%}"
