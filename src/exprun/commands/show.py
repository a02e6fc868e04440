"""`show`: write a page of the images that a network will see."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from exprun.commands import Parser, without_logs
from exprun.commands.page_file import add_page_options, announce, page_path, write_page
from exprun.config.errors import ConfigError, printable
from exprun.pages.frame import Page


def parser() -> Parser:
    """The parser of the command's arguments."""
    found = Parser(
        prog="python -m exprun show",
        description="Write a page of the images that a network will see, after scaling and augmentation. Nothing is "
        "trained.",
    )
    add_page_options(found)
    return found


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    return parser().parse_intermixed_args(words)


def run(words: list[str]) -> int:
    """Write the page, print what stands out, and open the page if that was asked for."""
    args = parse(words)
    page = show(args.overrides, args.html, args.config_dir, lambda line: print(printable(line), flush=True))
    announce(page.path, args.open)
    return 0


def show(
    overrides: Sequence[str] = (),
    path: str | Path | None = None,
    config_dir: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Page:
    """Write a page of the images that a network will see, without a network.

    Example:
        exprun.show(["data=digits", "augment=cifar"])  # as the last line of a cell of a notebook, this shows the page

    Args:
        overrides: the overrides of the config, as for training.
        path: the path of the page; None for a new file in `outputs/pages/`.
        config_dir: a folder of config files that is searched first.
        report: a function that is called with each line on what is done and on what stands out.

    Raises:
        ConfigError: the config is wrong, or the path cannot be that of a file.
        DataError: the data is missing, damaged or does not fit the config.
        RunError: the page cannot be written.
    """
    from exprun.config.compose import Composer
    from exprun.outputs import with_last_run
    from exprun.preflight import check_data

    file = page_path("show", None if path is None else str(path))
    config = Composer(config_dir).config(with_last_run(list(overrides)))
    if not config.pictures:
        raise ConfigError("show only writes a page, but pictures=false writes none: leave out pictures=false.")
    check_data(config)
    report(f"Reading data={config.data.name}, without training …")

    from exprun import terminal_images
    from exprun.preview.page import look, render_page
    from exprun.session import Session

    options = ["--config-dir", config_dir] if config_dir is not None else []
    with without_logs():
        found = look(config, Session())
        for line in (found.verdict, *(f"{remark.severity}: {remark.text}" for remark in found.serious)):
            report(line)
        terminal_images.draw(lambda: terminal_images.start_of(found.seen[0][1].sheet))
        text = render_page(found, shlex.join(["python", "-m", "exprun", "show", *options, *overrides]))
    write_page(text, file)
    return Page(file)
