"""`rate`: find a learning rate for a config by a range test."""

import argparse
import shlex

from exprun.commands import Parser, without_logs
from exprun.commands.page_file import add_measuring_options, begin, check_measuring_options, finish
from exprun.config.errors import ConfigError


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun rate",
        description="Find a learning rate by a range test: the loss against the learning rate, and the one to take. "
        "Nothing is recorded. The exit code is 1 if the network learns at no learning rate.",
    )
    add_measuring_options(found, "time for all seeds together")
    found.add_argument("--seeds", type=int, default=3, metavar="N", help="number of seeds (default: 3)")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    check_measuring_options(args)
    if not 1 <= args.seeds <= 20:
        raise ConfigError(f"--seeds is {args.seeds}, but must be from 1 to 20.")
    return args


def run(words: list[str]) -> int:
    """Do the range test, print its result and write its page; returns 1 if the network learns at no learning rate."""
    args = parse(words)
    config, path = begin("rate", args)
    if not args.json:
        print(f"Range test of model={config.model.name} and optim={config.optim.name} …", flush=True)

    from exprun.range_test import report as reports
    from exprun.range_test.measure import measure
    from exprun.session import Session

    with without_logs():
        report_curve = (lambda _: None) if args.json else reports.print_curve
        test = measure(config, Session(), args.minutes, args.seeds, report_curve)
    report = reports.Report(config, test, shlex.join(args.overrides))
    finish("rate", args, words, path, reports, report)
    return 0 if report.found else 1
