"""`sync`: upload runs that the MLflow server has not received."""

import argparse

from exprun.commands import Parser
from exprun.config.errors import printable, say


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun sync",
        description="Upload runs that the MLflow server has not received, and close runs whose process has died. The "
        "exit code is 1 if a run was not uploaded.",
    )
    found.add_argument("runs", nargs="*", metavar="FOLDER", help="run folders (default: all that were not uploaded)")
    found.add_argument("--uri", help="MLflow store (default: the one that each run was logged to)")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Upload runs and print whether each was uploaded; returns 1 if one was not."""
    args = parse(words)
    from exprun.tracking import sync
    from exprun.tracking.accepted import check_uri

    if args.uri is not None:
        check_uri(args.uri, "--uri")
    folders = sync.check_folders(args.runs) or sync.undelivered()
    uploaded = 0
    for folder, problem in sync.sync(folders, args.uri):
        uploaded += not problem
        if problem:
            say(f"{folder}: {problem}")
        else:
            print(f"uploaded {printable(str(folder))}")
    print(
        f"sync: {uploaded} of {len(folders)} runs uploaded."
        if folders
        else "sync: the MLflow server has received all runs already."
    )
    return 0 if uploaded == len(folders) else 1
