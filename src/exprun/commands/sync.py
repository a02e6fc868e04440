"""`sync`: upload runs that the MLflow server has not received."""

import argparse

from exprun.commands import Parser
from exprun.config.errors import printable, say


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun sync",
        description="Upload runs that the MLflow server has not received, and close those that died. The exit code is "
        "1 if a run was not uploaded.",
    )
    found.add_argument("runs", nargs="*", metavar="FOLDER", help="run folders (default: all below outputs/)")
    found.add_argument("--uri", help="MLflow store (default: the one that each run was logged to)")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Upload runs and print what became of each; returns 1 if a run was not uploaded."""
    args = parse(words)
    from exprun.tracking import sync
    from exprun.tracking.accepted import check_uri

    if args.uri is not None:
        check_uri(args.uri, "--uri")
    folders = sync.check_folders(args.runs) or sync.undelivered()
    arrived = 0
    for folder, problem in sync.sync(folders, args.uri):
        arrived += not problem
        if problem:
            say(f"{folder}: {problem}")
        else:
            print(f"uploaded {printable(str(folder))}")
    print(f"sync: {arrived} of {len(folders)} runs uploaded." if folders else "sync: everything has arrived already.")
    return 0 if arrived == len(folders) else 1
