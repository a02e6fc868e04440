"""`export`: write the network of a run as a Keras model that takes pixels."""

import argparse
import os

from exprun.commands import Parser, without_logs
from exprun.config.errors import ConfigError, printable
from exprun.config.paths import user_path


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun export",
        description="Write the network of a run as a Keras model that takes pixels, with a model card.",
    )
    found.add_argument("run", metavar="RUN", help="run folder, the end of its name, or last")
    found.add_argument("--to", metavar="FOLDER", help="folder for both files (default: export/ in the run folder)")
    found.add_argument("--trust", action="store_true", help="run the Python code that the run's config names")
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Write the model and its model card, and print their paths."""
    args = parse(words)
    from exprun import export
    from exprun.records import find_run

    run = find_run(args.run)
    export.check_consent(run, args.trust)
    folder = user_path(args.to, f"--to {args.to}") if args.to else run.folder / "export"
    if args.to and (folder / export.MODEL).exists():
        raise ConfigError(f"--to {args.to} already holds a {export.MODEL}; name another folder.")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--to {args.to} is a file, but must be a folder.")
    with without_logs():
        files = export.export(run, folder)
    for file in files:
        print(printable(os.path.relpath(file)))
    return 0
