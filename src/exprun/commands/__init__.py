"""The commands other than training: one module each, which is imported only when its command is called.

A module of this package is a command of the same name, with the three functions of `Command`; `help` serves them all.
No module here imports TensorFlow or MLflow before the command line has been checked.
"""

import argparse
import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Protocol, cast

from exprun.config.errors import ConfigError

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "help"))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; --help shows what there is.")


class Command(Protocol):
    """The functions that a module of a command has."""

    def parser(self) -> Parser:
        """The parser of the command's arguments; the first sentence of its description says what the command does."""

    def parse(self, words: list[str]) -> argparse.Namespace:
        """The arguments of a command line, checked as far as they can be without reading a file.

        Raises:
            ConfigError: an argument is unknown, missing or wrong.
        """

    def run(self, words: list[str]) -> int:
        """Run the command with the words after its name; returns the exit code.

        Raises:
            UserError: in one sentence, why it cannot.
        """


def load(name: str) -> Command:
    """The module of a command, one of `NAMES`."""
    return cast(Command, importlib.import_module(f"{__name__}.{name}"))


def add_config_dir(parser: Parser) -> None:
    """Add the option `--config-dir` of commands that compose a config."""
    parser.add_argument("--config-dir", metavar="DIR", help="folder of config files that is searched first")


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Keep log records and the messages of native libraries off the terminal of a command that has no run's log."""
    import tempfile

    from exprun.logs import logging_to

    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "log"):
        yield
