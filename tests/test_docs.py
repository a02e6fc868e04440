"""Every command that the documentation prints."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from exprun import cli, commands
from exprun.commands.help import EXAMPLES
from exprun.config.compose import Composer
from exprun.sweep import plan
from exprun.version import __version__

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# What a person may have as train.py.
TRAIN = """
import argparse
import keras
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
x, y = load_digits(return_X_y=True)
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=parser.parse_args().epochs, validation_split=0.2)
"""
STARTS = ("python -m exprun", "exprun ", "scripts/run")


def printed(page: Path) -> list[str]:
    """The commands in the shell blocks of a page, without the comments after them."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    joined = [re.sub(r" \\\n +", " ", block) for block in blocks]  # commands of several lines
    lines = [line.partition("  # ")[0].rstrip() for block in joined for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("# ")]


def words(command: str) -> list[str] | None:
    """The arguments of exprun in a printed command, None for one of another program."""
    start = next((s for s in STARTS if command.startswith(s)), None)
    if start is None or command.startswith("python -m exprun."):
        return None
    return shlex.split(command.removeprefix(start))


def long_commands(name: str) -> list[str]:
    """The commands of a page in text blocks and tables: minutes to hours on a CPU, so they are not run in full."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`(python -m exprun [^`]*)`", page)
    return sorted({line for line in lines if line.startswith("python -m exprun")})


PRINTED = [(page.name, command) for page in PAGES for command in printed(page)]
OF_HELP = [("--help", command) for command, _ in EXAMPLES]


def test_the_documentation_prints_commands():
    assert len(PRINTED) > 30
    known = (*STARTS, "scripts/test", "pip install", "python -m exprun.config.table", "python -m exprun.doctor.table")
    assert [command for _, command in PRINTED if not command.startswith(known)] == []


CASES, LONG = ([(name, command) for command in long_commands(name)] for name in ("cases.md", "performance.md"))


ONCE = {command: page for page, command in [*LONG, *CASES, *OF_HELP, *PRINTED]}  # several pages print some commands


# Those that take minutes to hours are composed by the slow tests.
TYPED = {command for _, command in (*PRINTED, *OF_HELP)}


@pytest.mark.parametrize(
    ("command", "page"),
    [pytest.param(command, page, marks=[] if command in TYPED else pytest.mark.slow) for command, page in ONCE.items()],
)
def test_every_printed_command_composes(command, page):
    given = words(command)
    if given is None:
        return
    if given[:1] and given[0] in commands.NAMES:
        args = commands.load(given[0]).parse(given[1:])
        for overrides in (getattr(args, "overrides", None), getattr(args, "against", None)):
            if overrides is not None:
                Composer(args.config_dir).config(overrides)
        return
    args = cli._parse(given)
    if args.help:
        assert cli._help(args)
    elif args.multirun:
        planned = plan.make(Composer(args.config_dir), args.overrides)
        assert planned is None or len(planned.configs) > 1
    elif not args.shell_completion:
        Composer(args.config_dir).config(args.overrides)


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_short_and_names_the_test_command():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    assert "\nscripts/test\n" in text


def test_the_changelog_knows_this_version():
    assert __version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_printed_command_runs(page, tmp_path):
    """In one folder a page, in the order of the page; those that need a person's own images are left out."""
    (tmp_path / "train.py").write_text(TRAIN)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in printed(page):
        given = words(command)
        if (
            given is None
            or given[:1] in (["ui"], ["serve"])  # they end with a signal
            or any(word in command for word in ("PICTURES", "IMAGES", "example.org"))
        ):
            continue
        done = subprocess.run(
            [sys.executable, "-m", "exprun", *given], capture_output=True, text=True, env=environment, check=False
        )
        found = (0, 1) if given[:1] in (["check"], ["explain"]) else (0,)  # something wrong is what they may say
        assert done.returncode in found, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check experiment=stuck_vgg16 data=digits", "optim.lr=0.1"])
def test_the_readme_shows_what_is_printed(command, tmp_path):
    """Other machines may print other numbers."""
    block = README.read_text(encoding="utf-8").partition(f"$ python -m exprun {command}\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-m", "exprun", *command.split()], capture_output=True, text=True)
    shown, found = (re.sub(r"[\d.,]+", "0", " ".join(text.split())) for text in (block, done.stdout + done.stderr))
    assert shown
    assert shown in found


@pytest.mark.slow
def test_the_lines_for_keras_run(tmp_path, capsys):
    import keras
    import numpy as np

    block = README.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).random((64, 8, 8, 1), np.float32), np.arange(64) % 10
    exec(block, {"model": model, "x": x, "y": y, "x_val": x[:16] * 255, "y_val": y[:16]})
    assert "Finding(cause='unscaled-evaluation'" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for _, command in CASES if "-m experiment" not in command])
def test_every_case_builds_and_takes_a_step(command, tmp_path, tiny_cifar):
    """As printed, but for the size of what it reads and draws, and one step."""
    given = [*words(command), "trainer.dry_run=true", "progress=quiet"]
    if "palm_vein" in command:
        given += ["data.people=4", "data.images_per_person=20"]
    elif "matconvnet" in command:
        given += ["data=digits", "data.size=28", "data.channels=1", "data.classes=[0,8]", "trainer.batch_size=32"]
    else:
        given.append(f"data.root={tiny_cifar}")
    done = subprocess.run([sys.executable, "-m", "exprun", *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
