"""The page that a command writes: its options, its path, and opening it in a browser.

This module is not a command.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from exprun.commands import Parser, add_config_dir
from exprun.config.errors import ConfigError, RunError, printable
from exprun.config.paths import user_path
from exprun.pages.frame import open_page

if TYPE_CHECKING:
    from exprun.config.schema import Config
    from exprun.label_noise.suspects import Suspects

PAGES = Path("outputs") / "pages"  # below the current folder
MAX_MINUTES = 1440  # of a measurement: a day
NOT_OPENED = "No browser can be opened on this machine."


def add_page_options(parser: Parser) -> None:
    """Add the overrides of a config, and the options of a command that writes a page about it."""
    parser.add_argument("overrides", nargs="*", help="overrides of the config, as for training")
    add_config_dir(parser)
    parser.add_argument("--html", metavar="FILE", help=f"path of the page (default: a new file in {PAGES}/)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def require_page(args: argparse.Namespace, pictures: bool) -> None:
    """Refuse options about a page if the config wants none.

    Args:
        args: the arguments of the command, with those of `add_page_options`.
        pictures: the key `pictures` of the config.

    Raises:
        ConfigError: a page was asked for, but `pictures=false`.
    """
    if not pictures and (args.open or args.html is not None):
        raise ConfigError("--html and --open need a page, but pictures=false writes none: leave out pictures=false.")


def add_measuring_options(parser: Parser, minutes: str) -> None:
    """Add the overrides and the options of a command that measures and writes a page: `rate` and `batch`.

    Args:
        parser: the parser of the command's arguments.
        minutes: what the minutes of `--minutes` are for.
    """
    parser.add_argument("--minutes", type=float, default=3.0, metavar="M", help=f"{minutes} (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs; a page only with --html")
    add_page_options(parser)


def check_measuring_options(args: argparse.Namespace) -> None:
    """Refuse options of `add_measuring_options` that are out of range or exclude each other.

    Raises:
        ConfigError: an option is wrong.
    """
    if not 0 < args.minutes <= MAX_MINUTES:
        raise ConfigError(f"--minutes is {args.minutes:g}, but must be above 0 and at most {MAX_MINUTES}.")
    if args.json and args.open and args.html is None:
        raise ConfigError("--json writes a page only with --html: add --html FILE, or leave out --open.")


def begin(command: str, args: argparse.Namespace) -> "tuple[Config, Path]":
    """The config of a command that measures, and the path of its page, checked before anything is measured.

    Args:
        command: the name of the command.
        args: its arguments, with those of `add_measuring_options`.

    Raises:
        ConfigError: the config or the path is wrong.
    """
    from exprun.batch_size.measure import SMALLEST
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.preflight import preflight

    path = page_path(command, args.html)
    config = Composer(args.config_dir).config(with_last_run(args.overrides))
    require_page(args, config.pictures)
    preflight(config, batch=SMALLEST if command == "batch" else None)
    return config, path


def finish(
    command: str, args: argparse.Namespace, words: list[str], path: Path, reports: ModuleType, report: Any
) -> None:
    """Print the result of a command that measures, and write its page unless none is wanted.

    Args:
        command: the name of the command.
        args: its arguments, with those of `add_measuring_options`.
        words: the arguments as a person typed them.
        path: the path of the page.
        reports: the module of the report, with the functions `page`, `as_json` and `print_report`.
        report: the result, with its config.
    """
    if paged := report.config.pictures and (args.html is not None or not args.json):
        write_page(reports.page(report, shlex.join(["python", "-m", "exprun", command, *words])), path)
    if args.json:
        print(reports.as_json(report))
        return
    reports.print_report(report)
    if paged:
        announce(path, args.open)


def page_path(command: str, given: str | None = None) -> Path:
    """The path of the page of a command, which no other page has unless the path was given.

    Args:
        command: the name of the command.
        given: the path as a person typed it with `--html`; None for the default.

    Raises:
        ConfigError: no file can be written to the path. This is known before anything is measured.
    """
    if given is None:
        name = f"{command}-{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        paths = (PAGES / f"{name}{f'-{number}' if number > 1 else ''}.html" for number in range(1, sys.maxsize))
        return next(path for path in paths if not path.exists())
    path = user_path(given, f"--html {given}")
    if not given or path.is_dir():
        raise ConfigError(f"--html {given or repr(given)}: it must be a file, such as page.html, not a folder.")
    existing = next(folder for folder in path.absolute().parents if folder.exists())
    if not existing.is_dir():
        raise ConfigError(f"--html {given}: {existing} must be a folder, but is a file.")
    if not os.access(path if path.exists() else existing, os.W_OK):
        raise ConfigError(f"--html {given}: it cannot be written; choose a path in another folder than {path.parent}.")
    return path


def write_page(page: str, path: Path) -> None:
    """Write a page, and create its folder if it does not exist.

    Args:
        page: the text of the page.
        path: the path of its file.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", errors="replace")  # names of files may not be Unicode
    except OSError as error:
        raise RunError(f"The page cannot be written to {path}: {error.strerror}.") from None


def write_labels(found: "Suspects", config: "Config", title: str, command: str, given: str | None) -> Path | None:
    """Print the labels that are probably wrong, and write their list and page; returns the path of the page.

    Without suspects, there is no list; with `pictures=false`, there is no page.

    Args:
        found: the suspects.
        config: the config of the images.
        title: the title of the page.
        command: the command that makes the page again.
        given: the path of the page as a person typed it; None for the default.
    """
    from exprun.label_noise import report

    for line in report.lines(found):
        print(line, flush=True)
    path = page_path("labels", given)
    list_path = path.with_suffix(".csv")
    if len(found.places):
        report.write_csv(found, config.data, list_path)
        print(f"list of labels: {printable(str(list_path))}", flush=True)
    if not config.pictures:
        return None
    write_page(report.page(found, title, list_path, command), path)
    return path


def announce(path: Path, opened: bool) -> None:
    """Print the path of a page as the last line of a command, and open the page if that was asked for.

    Args:
        path: the path of the page.
        opened: whether to open the page in a browser.
    """
    if opened and not open_page(path.absolute().as_uri()):
        print(NOT_OPENED, flush=True)
    print(f"page: {printable(str(path))}", flush=True)
