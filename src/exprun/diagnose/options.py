"""The options that `diagnose` has on the command line and in notebooks."""

import argparse
import math


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("--max-minutes", type=_positive, metavar="N", help="end the script after N minutes of training")
    parser.add_argument("--max-steps", type=_count, metavar="N", help="end the script after N steps of a fit")
    parser.add_argument(
        "--prove-minutes",
        type=_time,
        default=3.0,
        metavar="N",
        help="time for references and experiments after the script has ended (default: 3; 0 for none)",
    )
    parser.add_argument("--json", metavar="FILE", help="also write the report to a JSON file")
    parser.add_argument("--html", metavar="FILE", help="also write the report to an HTML page that needs no other file")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a number")
    return value


def _time(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = _number(text)
    if value < 1 or value != int(value):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(value)
