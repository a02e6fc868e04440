"""Curves as a small image."""

import numpy as np
import pytest

from compare.fake_runs import write_run
from exprun import cli, runs
from exprun.records import read_run
from exprun.small_plot import BAND, COLOURS, SIZE, plot


def colours(image):
    """The colours of an image as they are written in a page."""
    return {"#" + "".join(f"{part:02x}" for part in colour) for _, colour in image.getcolors(1 << 20)}


def test_curves_a_band_and_a_mark_are_drawn():
    x = np.linspace(0, 1, 50)
    image = plot([(x, 1 - x), (x, x)], ("0", "1"), ("down", "up"), (0.2, 0.4), 0.3)
    assert image.size == SIZE
    assert {*COLOURS[:2], BAND} <= colours(image)
    middle = SIZE[1] // 3
    plain = plot([(x, 1 - x), (x, x)], ("0", "1"), ("down", "up"), (0.2, 0.4))
    dark = [at for at in range(SIZE[0]) if image.getpixel((at, middle)) != plain.getpixel((at, middle))]
    assert dark == pytest.approx([0.3 * SIZE[0]] * 2, abs=5)  # the mark is a line, two pixels wide


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, np.nan, 3.0], [2.0, 1.0, 1e30]])
def test_values_of_any_kind(values):
    assert COLOURS[0] in colours(plot([(np.arange(3.0), np.array(values))], ("", "")))


def test_a_run_has_a_plot_if_it_has_epochs(tmp_path):
    run = read_run(write_run(tmp_path / "a", 0.5))
    run.history[:] = [{"epoch": e, "train/loss": 1 / e, "val/loss": 2 / e} for e in (1.0, 2.0, 3.0)]
    assert {*COLOURS[:2]} <= colours(runs.small_plot(run))
    run.history[:] = run.history[:1]
    assert runs.small_plot(run) is None


def test_a_wide_list_of_runs_has_curves_and_a_narrow_one_has_none(tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "outputs" / "runs" / "a", 0.5)
    for width, has_curve in (("140", True), ("100", False)):
        monkeypatch.setenv("COLUMNS", width)
        assert cli.main(["runs"]) == 0
        assert ("train loss" in capsys.readouterr().out) == has_curve
