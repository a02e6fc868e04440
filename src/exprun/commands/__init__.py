"""The commands other than training. Each is a module that is imported only when its command is called.

Each module of this package is the command of the same name and has the three functions of `Command`, except `help`,
which prints the help of all commands, and `page_file` and `server`, which several commands use. No module here imports
TensorFlow or MLflow before the command line is checked.
"""

import argparse
import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Protocol, cast

from exprun.config.errors import ConfigError

NO_COMMANDS = ("help", "page_file", "server")
NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NO_COMMANDS))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line.

        Args:
            message: argparse's message about the mistake.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{message[:1].upper()}{message[1:]}; --help lists all arguments.")


class Command(Protocol):
    """The functions of the module of a command."""

    def parser(self) -> Parser:
        """The parser of the command's arguments; the first sentence of its description is shown by `--help`."""

    def parse(self, words: list[str]) -> argparse.Namespace:
        """The arguments of a command line, checked as far as possible without reading a file.

        Raises:
            ConfigError: an argument is unknown, missing or wrong.
        """

    def run(self, words: list[str]) -> int:
        """Run the command with the words after its name; returns the exit code.

        Raises:
            UserError: the command cannot do what was asked; the message gives the reason.
        """


def load(name: str) -> Command:
    """The module of a command, one of `NAMES`."""
    return cast(Command, importlib.import_module(f"{__name__}.{name}"))


def add_config_dir(parser: Parser) -> None:
    """Add the option `--config-dir`, for a command that composes a config."""
    parser.add_argument("--config-dir", metavar="DIR", help="folder of config files that is searched first")


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Keep log records and messages of native libraries off the terminal, for a command without a log file."""
    import tempfile

    from exprun.logs import logging_to

    with tempfile.TemporaryDirectory() as folder, logging_to(Path(folder) / "log"):
        yield
