"""`check`: report what is wrong with a config, its data and its network, without training."""

import argparse
import shlex
from typing import TYPE_CHECKING

from exprun.commands import Parser, without_logs
from exprun.commands.page_file import add_page_options, announce, page_path, require_page, write_labels, write_page
from exprun.config.errors import ConfigError, printable

if TYPE_CHECKING:
    from exprun.config.schema import Config
    from exprun.session import Session


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun check",
        description="Report what is wrong with a config, its data and its network, without training. Writes a page "
        "with the pictures that show it. The exit code is 1 if there is a warning or an error.",
    )
    found.add_argument(
        "--rate", action="store_true", help="also find a learning rate, by the range test of the command rate"
    )
    found.add_argument(
        "--labels", action="store_true", help="also list the images whose label is probably wrong, on a page of its own"
    )
    add_page_options(found)
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Print the doctor's findings; returns 1 if one of them is a warning or an error."""
    args = parse(words)
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.preflight import preflight

    composer, overrides = Composer(args.config_dir), with_last_run(args.overrides)
    config = composer.config(overrides)
    if config.doctor.name == "none":
        raise ConfigError("check prints the findings of the doctor: leave out doctor=none.")
    require_page(args, config.pictures)
    path = page_path("check", args.html)
    if args.labels:
        from exprun.config.packages import require_package
        from exprun.label_noise.suspects import require_one_class

        require_package("cleanlab", "noise", "check --labels")
        require_one_class(config.data, "check --labels")
    preflight(config)
    typed = " ".join(["python -m exprun check", *(["--labels"] * args.labels), *map(shlex.quote, args.overrides)])
    print(f"Checking model={config.model.name} and data={config.data.name}, without training …", flush=True)

    from exprun.check import check
    from exprun.session import Session

    session = Session()
    with without_logs():
        checked = check(config, session, lambda line: print(printable(line), flush=True))

        from exprun.check_page import check_page  # imports TensorFlow, without which errors in the data show at once
        from exprun.doctor.diagnosis import verdict

        print("\n".join(printable(line) for line in verdict(checked.findings).splitlines()), flush=True)
        if config.pictures:
            page = check_page(checked, lambda more: composer.config([*overrides, *more.split()]), session, typed)
            write_page(page, path)
    bad = any(finding.severity != "note" for finding in checked.findings)
    if args.rate:
        bad |= not _has_good_rate(config, session, shlex.join(args.overrides))
    if config.pictures:
        announce(path, args.open)
    if args.labels:  # at the end, because the images may be too difficult to judge their labels
        _judge_labels(config, session, typed)
    return 1 if bad else 0


def _judge_labels(config: "Config", session: "Session", command: str) -> None:
    """Print the labels that are probably wrong, and write their list and, unless `pictures=false`, their page.

    Args:
        config: the config of the run.
        session: the session of the check.
        command: the command, as a person typed it.
    """
    from exprun.assembly import prepare
    from exprun.label_noise.held_out import by_simple_classifiers
    from exprun.label_noise.suspects import suspects

    with without_logs():
        found = suspects(by_simple_classifiers(prepare(config, session).dataset))
    path = write_labels(found, config, f"Labels of {config.data.name}", command, None)
    if path is not None:
        print(f"page of the labels: {path}", flush=True)


def _has_good_rate(config: "Config", session: "Session", overrides: str) -> bool:
    """Do the range test, print its result and, unless `pictures=false`, write its page.

    Args:
        config: the config of the run.
        session: the session of the check.
        overrides: the overrides of the command, as a person typed them.

    Returns:
        Whether the configured learning rate is in the range that learns.
    """
    from exprun.range_test import report as reports
    from exprun.range_test.measure import measure

    with without_logs():
        report = reports.Report(config, measure(config, session, report=reports.print_curve), overrides)
    reports.print_report(report)
    if config.pictures:
        path = page_path("rate")
        write_page(reports.page(report, f"python -m exprun rate {overrides}".rstrip()), path)
        print(f"page of the range test: {path}", flush=True)
    return report.place == "within"
