"""`explain`: find out with short runs which change makes a config learn."""

import argparse

from exprun.commands import Parser, add_config_dir


def parser() -> Parser:
    """The parser of the arguments before `--against`."""
    found = Parser(
        prog="python -m exprun explain",
        usage="%(prog)s [options] [overrides] [--against overrides]",
        description="Find out with short runs which change makes a config learn. All overrides after --against belong "
        "to another config: explain then finds out which of the groups in which the two configs differ accounts for "
        "the gap.",
    )
    found.add_argument("overrides", nargs="*", help="overrides of the config that does not learn, as for training")
    found.add_argument("--minutes", type=float, default=10.0, help="time limit for all runs (default: 10)")
    found.add_argument("--seeds", type=int, default=3, help="seeds of the last, full comparison (default: 3)")
    found.add_argument(
        "--steps", type=int, help="steps of each run in the last rung (default: as many as fit into the minutes)"
    )
    add_config_dir(found)
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line; `against` holds the overrides of the other config, or None."""
    mark = words.index("--against") if "--against" in words else len(words)
    args = parser().parse_intermixed_args(words[:mark])
    args.against = words[mark + 1 :] if mark < len(words) else None
    return args


def run(words: list[str]) -> int:
    """Print the table of the short runs and the conclusion; returns the exit code of the conclusion."""
    args = parse(words)
    from exprun.explain.study import explain
    from exprun.outputs import with_last_run

    overrides = with_last_run(args.overrides)
    against = None if args.against is None else with_last_run(args.against)
    return explain(overrides, against, args.minutes, args.seeds, args.steps, args.config_dir)
