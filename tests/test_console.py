"""The progress bar of a run, on terminals of several widths."""

import io
import math

import numpy as np
import pytest

from exprun.console import SPARK, SPARK_POINTS, Console, Thinned
from exprun.console import _Out as Out
from exprun.trainer.events import EpochDone, Evaluated, RunStarted, StepsDone
from tiny import config


def line(tmp_path, width, encoding="utf-8", **settings):
    """The last state of the progress bar after two epochs."""
    console = Console(config("progress=rich", *settings.get("words", ())), "a-run", tmp_path)
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    console.out = Out(
        file=file, width=width, force_terminal=True, color_system=None, highlight=False, legacy_windows=False
    )
    started = dict.fromkeys(RunStarted.__dataclass_fields__, 1) | {"device": "CPU", "precision": "float32"}
    console(RunStarted(**(started | {"total_steps": 20, "first_step": 0})))
    for epoch, loss in ((1.0, 2.0), (2.0, 0.5)):
        losses = np.linspace(loss, loss / 2, 10)
        console(StepsDone(int(10 * epoch), epoch, losses, losses / 4, np.full(10, 0.1), 100.0, 0.0))
        console(EpochDone(int(10 * epoch), epoch, loss, 0.5, 100.0, 1.0))
        console(Evaluated("val", int(10 * epoch), epoch, loss, epoch / 4, True))
    console(StepsDone(20, 2.0, losses, losses / 4, np.full(10, 0.1), 100.0, 0.0))
    shown = str(console.progress.tasks[0].fields)
    console.close()
    return console, shown


def test_a_wide_terminal_shows_the_curves_of_loss_and_metric(tmp_path):
    console, shown = line(tmp_path, 140)
    fields = console._sparklines()
    assert fields["losses"].rstrip()[0] == "█"
    assert fields["losses"].rstrip()[-1] in "▁▂"
    assert len(fields["losses"].rstrip()) == SPARK
    assert fields["selected"] == "val accuracy ▁█  "
    assert "▁█" in shown


def test_a_narrow_terminal_shows_numbers_only(tmp_path):
    _, shown = line(tmp_path, 100)
    assert not set("▁▂▃▄▅▆▇█") & set(shown)


def test_a_terminal_without_these_characters_gets_plain_ones(tmp_path):
    console, _ = line(tmp_path, 140, "ascii")
    assert console._sparklines()["losses"].isascii()


@pytest.mark.parametrize("metric", ["val/loss", "val/macro_f1"])
def test_the_curve_is_that_of_the_metric_that_selects(tmp_path, metric):
    console, _ = line(tmp_path, 140, words=[f"trainer.select={metric}"])
    expected = [2.0, 0.5] if metric == "val/loss" else [math.nan, math.nan]
    assert console.selected == pytest.approx(expected, nan_ok=True)


def test_a_long_run_keeps_few_values_of_equal_parts():
    kept = Thinned()
    kept.extend(range(10 * SPARK_POINTS))
    assert SPARK_POINTS / 2 <= len(kept.values) < SPARK_POINTS
    steps = np.diff(kept.values)
    assert steps == pytest.approx(np.full(len(steps), steps[0]))


def test_a_notebook_gets_plain_lines(tmp_path, monkeypatch):
    monkeypatch.setattr("exprun.console.is_notebook", lambda: True)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    console = Console(config("progress=auto"), "a-run", tmp_path)
    assert console.mode == "plain"
    assert not console.out.is_jupyter


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_are_broken_between_words_on_terminals_alone(tmp_path, is_terminal):
    console = Console(config("progress=plain"), "a-run", tmp_path)
    file = io.StringIO()
    console.out = Out(file=file, width=20, force_terminal=is_terminal, color_system=None, highlight=False)
    path = "/a/path/that/is/longer/than/a/line.html"
    console.say(f"some words before a path: {path} after")
    shown = (
        ["some words before a", "path:", path, "after"] if is_terminal else [f"some words before a path: {path} after"]
    )
    assert [line.rstrip() for line in file.getvalue().splitlines()] == shown
