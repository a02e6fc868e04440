"""`batch`: find the largest batch that fits, and the speed of training against the batch size."""

import argparse
import shlex

from exprun.commands import Parser, without_logs
from exprun.commands.page_file import add_measuring_options, begin, check_measuring_options, finish
from exprun.config.errors import ConfigError


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun batch",
        description="Find the largest batch that fits, and the speed of training against the batch size. Nothing is "
        "recorded.",
    )
    add_measuring_options(found, "time of all measurements")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    check_measuring_options(args)
    return args


def run(words: list[str]) -> int:
    """Measure the speed against the batch size, print it and write its page."""
    args = parse(words)
    config, path = begin("batch", args)
    if config.trainer.accumulate > 1:
        raise ConfigError("batch measures batches in one part: leave out trainer.accumulate, or set it to 1.")
    if not args.json:
        print(f"Batch sizes of model={config.model.name} and data={config.data.name} …", flush=True)

    from exprun.batch_size import report as reports
    from exprun.batch_size.measure import Speed, measure
    from exprun.session import Session

    def say(speed: Speed) -> None:
        """Print the first measurement of a batch size."""
        print(f"a batch of {speed.size:,} fits", flush=True)

    with without_logs():
        sizes = measure(config, Session(), args.minutes, (lambda _: None) if args.json else say)
    kept = [word for word in args.overrides if not word.startswith("trainer.batch_size=")]
    report = reports.Report(config, sizes, shlex.join(kept))
    finish("batch", args, words, path, reports, report)
    return 0
