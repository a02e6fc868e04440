"""A command is a module of the package `commands`, and nothing else has to know it."""

import subprocess
import sys
from pathlib import Path

import pytest

from exprun import cli, commands
from exprun.commands import Parser
from exprun.config.errors import ConfigError

PAGES = Path(__file__).parents[2] / "docs"


def test_the_commands_are_the_modules_of_the_package():
    files = {file.stem for file in Path(commands.__file__).parent.glob("*.py")} - {
        "__init__",
        "help",
        "page_file",
        "server",
    }
    assert set(commands.NAMES) == files
    assert {"check", "compare", "explain", "export", "predict", "runs", "sync", "ui"} <= files


@pytest.mark.parametrize("name", commands.NAMES)
def test_a_command_has_a_parser_that_describes_it_and_a_page_that_explains_it(name):
    parser = commands.load(name).parser()
    assert isinstance(parser, Parser)
    assert parser.prog == f"python -m exprun {name}"
    assert parser.description.endswith(".")
    assert all(action.help for action in parser._actions if action.dest != "action")
    assert any(f"python -m exprun {name}" in page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))


@pytest.mark.parametrize("name", commands.NAMES)
def test_a_wrong_argument_is_refused_before_anything_is_run(name):
    with pytest.raises(ConfigError, match=r"--nonsense|are required"):
        commands.load(name).parse(["--nonsense"])


def test_only_the_module_of_the_command_that_is_called_is_imported():
    code = "import sys; from exprun.cli import main; main(['predict']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if name.startswith("exprun.commands.")}
    assert found == {"exprun.commands.predict"}


def test_figure_is_the_old_name_of_metric():
    compare = commands.load("compare")
    assert compare.parse([]).metric is None  # the metric of the sweep, or val/accuracy
    assert compare.parse(["--metric", "test/loss"]) == compare.parse(["--figure", "test/loss"])
    assert "--figure is the old name" in " ".join(compare.parser().format_help().split())


def test_the_first_word_chooses_the_command(monkeypatch):
    monkeypatch.setattr("exprun.commands.sync.run", lambda words: len(words))
    assert cli.main(["sync", "a", "b"]) == 2
