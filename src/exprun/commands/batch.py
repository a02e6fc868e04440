"""`batch`: find the largest batch that fits, and the speed of training against the batch size."""

import argparse
import shlex

from exprun.commands import Parser, add_config_dir, without_logs
from exprun.commands.page_file import add_page_options, announce, page_path, require_page, write_page
from exprun.config.errors import ConfigError


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun batch",
        description="Find the largest batch that fits, and the speed of training against the batch size. Nothing is "
        "recorded.",
    )
    found.add_argument("overrides", nargs="*", help="overrides of the config, as for training")
    found.add_argument("--minutes", type=float, default=3.0, metavar="M", help="time of all measurements (default: 3)")
    found.add_argument("--json", action="store_true", help="print JSON, for programs; a page only with --html")
    add_page_options(found)
    add_config_dir(found)
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    args = parser().parse_intermixed_args(words)
    if not 0 < args.minutes <= 1440:
        raise ConfigError(f"--minutes is {args.minutes:g}, but must be above 0 and at most 1440.")
    if args.json and args.open and args.html is None:
        raise ConfigError("--json writes a page only with --html: add --html FILE, or leave out --open.")
    return args


def run(words: list[str]) -> int:
    """Measure the speed against the batch size, print it and write its page."""
    args = parse(words)
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.preflight import preflight

    path = page_path("batch", args.html)
    config = Composer(args.config_dir).config(with_last_run(args.overrides))
    require_page(args, config.pictures)
    preflight(config)
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
    if paged := config.pictures and (args.html is not None or not args.json):
        write_page(reports.page(report, shlex.join(["python", "-m", "exprun", "batch", *words])), path)
    if args.json:
        print(reports.as_json(report))
    else:
        reports.print_report(report)
        if paged:
            announce(path, args.open)
    return 0
